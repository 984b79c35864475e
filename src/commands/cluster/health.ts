import { ClusterCommand } from '../../cli/cluster-command.ts';
import { healthExitCodes, judgeCluster } from '../../cli/cluster-verdict.ts';
import { healthListing, verdictListing } from '../../cli/listings/health-listing.ts';

/** `stratum cluster health` */
export default class ClusterHealth extends ClusterCommand {
  static override id = 'cluster:health';
  static override summary = 'Judge a cluster by what its coordinators say, for scripts';
  static override description =
    'Exit code: 0 healthy, 5 degraded (redundancy is reduced), 6 no quorum or data cannot be served, 7 nobody could tell.';
  static override examples = [
    'stratum cluster health',
    'stratum cluster health -o json',
    'stratum cluster health --context ci --timeout 2s --field verdict',
  ];

  override async run(): Promise<number> {
    const { flags } = await this.parse(ClusterHealth);
    const survey = await this.withCluster(flags, (cluster) => cluster.consensusStatuses());
    const judged = judgeCluster(survey);
    const listing = healthListing(survey, judged);
    // For people each of them stands in the table already.
    // A form that prints items alone would say nothing of a healthy cluster.
    const isOfItems = flags.field === undefined && (this.format === 'jsonl' || this.format === 'name');
    if (isOfItems) await this.print(verdictListing(listing, judged));
    if (!isOfItems || this.format === 'jsonl')
      await this.print(this.isForPeople ? { ...listing, unreachable: [] } : listing);
    if (this.isForPeople) {
      const { context, coordinators } = await this.settings(flags);
      const name = coordinators.origin === 'context' ? context.value?.name : undefined;
      const cluster = name ?? coordinators.value.join(', ');
      await this.say(
        judged.verdict === 'unknown' ? `nobody could tell how ${cluster} is` : `${cluster} is ${judged.verdict}`,
      );
    }
    return healthExitCodes[judged.verdict];
  }
}
