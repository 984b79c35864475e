import * as Args from '@oclif/core/args';
import { ClusterCommand } from '../../cli/cluster-command.ts';
import { nodeDetail } from '../../cli/listings/node-detail.ts';
import { readHeartbeats } from '../../cli/read-heartbeats.ts';
import { unknownNode } from '../../cli/unknown-node.ts';

/** `stratum node show` */
export default class NodeShow extends ClusterCommand {
  static override id = 'node:show';
  static override summary = 'Show everything that is known of one node';
  static override examples = [
    'stratum node show object-1',
    'stratum node show object-1 --field heartbeat.ageMs',
    'stratum node show metadata-2 -o json',
  ];
  static override args = {
    node: Args.string({ description: 'its id', required: true, ignoreStdin: true }),
  };

  override async run(): Promise<undefined> {
    const { args, flags } = await this.parse(NodeShow);
    const listing = await this.withCluster(flags, async (cluster) => {
      const snapshot = await cluster.snapshot();
      const { nodes } = snapshot.topology;
      const node = nodes.get(args.node);
      if (node === undefined) throw unknownNode(args.node, nodes.keys(), 'node');
      return nodeDetail(snapshot, node, await readHeartbeats(cluster, this.io.interrupted));
    });
    await this.print(listing);
    return undefined;
  }
}
