import * as Flags from '@oclif/core/flags';
import { ClusterCommand } from '../../cli/cluster-command.ts';
import { parseScope } from '../../cli/listings/leader-listing.ts';
import { readLeader } from '../../cli/read-leader.ts';

/** `stratum leader show` */
export default class LeaderShow extends ClusterCommand {
  static override id = 'leader:show';
  static override summary = 'Show who leads the coordinators, the consensus engine or a partition';
  static override examples = [
    'stratum leader show',
    'stratum leader show --scope partition:7 --field leaderId',
    'stratum leader show --scope consensus -o wide',
  ];
  static override flags = {
    scope: Flags.string({
      description: 'Whose leader: coordinator, consensus or partition:N.',
      helpValue: '<scope>',
      default: 'coordinator',
    }),
  };

  override async run(): Promise<undefined> {
    const { flags } = await this.parse(LeaderShow);
    const scope = parseScope(flags.scope);
    await this.print(await this.withCluster(flags, (cluster) => readLeader(cluster, scope)));
    return undefined;
  }
}
