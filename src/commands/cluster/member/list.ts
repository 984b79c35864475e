import { ClusterCommand } from '../../../cli/cluster-command.ts';
import { memberListing } from '../../../cli/listings/member-listing.ts';

/** `stratum cluster member list` */
export default class ClusterMemberList extends ClusterCommand {
  static override id = 'cluster:member:list';
  static override summary = 'List the members of the consensus engine that the coordinators share';
  static override examples = [
    'stratum cluster member list',
    'stratum cluster member list -o wide',
    'stratum cluster member list --field hasQuorum',
  ];

  override async run(): Promise<undefined> {
    const { flags } = await this.parse(ClusterMemberList);
    await this.print(memberListing(await this.withCluster(flags, (cluster) => cluster.consensusStatuses())));
    return undefined;
  }
}
