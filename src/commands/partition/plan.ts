import * as Flags from '@oclif/core/flags';
import { ClusterCommand } from '../../cli/cluster-command.ts';
import { partitionPlanListing } from '../../cli/listings/partition-plan-listing.ts';

/** The contract's code of "differences found". */
const differsExitCode = 11;

/** `stratum partition plan` */
export default class PartitionPlan extends ClusterCommand {
  static override id = 'partition:plan';
  static override summary = 'Show what the coordinators are about to change about the partitions';
  static override description =
    'The leader’s own plan at this moment: it carries out what is "now" by itself, a stage at a time, and says of the rest what it waits for. Nothing is changed by looking.';
  static override examples = ['stratum partition plan', 'stratum partition plan --exit-code -o jsonl'];
  static override flags = {
    'exit-code': Flags.boolean({ description: 'End with exit code 11 when there is anything to do.' }),
  };

  override async run(): Promise<number> {
    const { flags } = await this.parse(PartitionPlan);
    const { plan, source } = await this.withCluster(flags, async (cluster) => {
      const planned = await cluster.planPartitions();
      const leader = await cluster.leader();
      return { plan: planned, source: { ...leader.source, version: planned.version } };
    });
    const listing = partitionPlanListing(plan, source);
    await this.print(listing);
    return flags['exit-code'] && listing.items.length > 0 ? differsExitCode : 0;
  }
}
