import * as Flags from '@oclif/core/flags';
import { ClusterCommand } from '../../cli/cluster-command.ts';
import { partitionItem, partitionListing } from '../../cli/listings/partition-listing.ts';
import { partitionStates, partitionsExitCode } from '../../cli/partition-state.ts';
import { unknownNode } from '../../cli/unknown-node.ts';

/** `stratum partition list` */
export default class PartitionList extends ClusterCommand {
  static override id = 'partition:list';
  static override summary = 'List the partitions of the metadata with their primaries and replicas';
  static override description =
    'State: ok; degraded (fewer in sync than replicas); no-quorum (fewer than two of the in-sync replicas are there, so that nothing is read or written, and nothing is lost); unassigned. Exit code, by the worst that is listed: 0 all are ok, 5 degraded, 6 no-quorum or unassigned.';
  static override examples = [
    'stratum partition list',
    'stratum partition list --node metadata-1 -o name',
    'stratum partition list --state degraded --state no-quorum -o jsonl',
  ];
  static override flags = {
    node: Flags.string({ description: 'Only those that this node is a replica of.', helpValue: '<node>' }),
    state: Flags.string({
      description: 'Only those in this state; may be repeated.',
      options: partitionStates,
      multiple: true,
      multipleNonGreedy: true,
    }),
  };

  override async run(): Promise<number> {
    const { flags } = await this.parse(PartitionList);
    const { topology, source } = await this.withCluster(flags, (cluster) => cluster.snapshot());
    const { node, state } = flags;
    const holds = ({ replicas }: { readonly replicas: readonly string[] }) =>
      node === undefined || replicas.includes(node);
    if (node !== undefined && !topology.nodes.has(node) && !topology.partitions.some(holds)) {
      throw unknownNode(node, topology.nodes.keys(), 'node');
    }
    const items = topology.partitions
      .filter(holds)
      .map((partition) => partitionItem(partition, topology))
      .filter((item) => state === undefined || state.includes(item.state));
    await this.print(partitionListing(items, source));
    return partitionsExitCode(items.map((item) => item.state));
  }
}
