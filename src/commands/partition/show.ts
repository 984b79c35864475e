import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import type { TopologySnapshot } from '../../cli/connection.ts';
import { findPartition, parsePartitionId } from '../../cli/find-partition.ts';
import { IdsCommand } from '../../cli/ids-command.ts';
import { partitionDetails } from '../../cli/listings/partition-detail.ts';
import { type PartitionDetail, partitionDetail } from '../../cli/listings/partition-listing.ts';
import { type PartitionState, partitionsExitCode } from '../../cli/partition-state.ts';

/** `stratum partition show` */
export default class PartitionShow extends IdsCommand {
  static override id = 'partition:show';
  static override summary = 'Show partitions with the state of each replica';
  static override description =
    'Duty: primary, in-sync, or catching-up for a replica that does not have all that is committed yet. Exit code, by the worst: 0 ok, 5 degraded, 6 no-quorum or unassigned; 10 when some ids are none.';
  static override examples = [
    'stratum partition show 7',
    'stratum partition show 7 --field members[0].nodeId',
    'stratum partition list --state degraded -o name | stratum partition show --stdin -o jsonl',
  ];
  static override args = {
    partition: Args.string({ description: 'its number', multiple: true, ignoreStdin: true }),
  };
  static override flags = {
    stdin: Flags.boolean({ description: 'Read numbers from stdin, one a line.' }),
  };

  override async run(): Promise<number> {
    const { args, flags } = await this.parse(PartitionShow);
    const isOnly = args.partition?.length === 1;
    const ids = this.ids(args.partition, flags.stdin, (text) => parsePartitionId(text));
    const snapshot = await this.withCluster(flags, (cluster) => cluster.snapshot());
    const states: PartitionState[] = [];
    await this.printStream(partitionDetails(this.#details(ids, snapshot, isOnly, states), snapshot.source));
    return this.failures.exitCode(states.length) ?? partitionsExitCode(states);
  }

  async *#details(
    ids: AsyncIterable<readonly number[]>,
    { topology }: TopologySnapshot,
    isOnly: boolean,
    states: PartitionState[],
  ): AsyncGenerator<readonly PartitionDetail[]> {
    for await (const group of ids) {
      const found: PartitionDetail[] = [];
      for (const id of group) {
        try {
          found.push(partitionDetail(findPartition(topology, id), topology));
        } catch (error) {
          if (isOnly) throw error;
          await this.fail(error);
        }
      }
      states.push(...found.map(({ state }) => state));
      yield found;
    }
  }
}
