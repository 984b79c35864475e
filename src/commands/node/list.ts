import { ClusterCommand } from '../../cli/cluster-command.ts';
import { nodeListing } from '../../cli/listings/node-listing.ts';
import { readHeartbeats } from '../../cli/read-heartbeats.ts';

/** `stratum node list` */
export default class NodeList extends ClusterCommand {
  static override id = 'node:list';
  static override summary = 'List the nodes with their states, heartbeats and load';
  static override examples = ['stratum node list', 'stratum node list -o wide', 'stratum node list --field id'];

  override async run(): Promise<undefined> {
    const { flags } = await this.parse(NodeList);
    const [snapshot, read] = await this.withCluster(flags, (cluster) =>
      Promise.all([cluster.snapshot(), readHeartbeats(cluster, this.io.interrupted)]),
    );
    await this.print(nodeListing(snapshot, read));
    return undefined;
  }
}
