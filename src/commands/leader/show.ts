import * as Flags from '@oclif/core/flags';
import { ClusterCommand } from '../../cli/cluster-command.ts';
import type { ClusterConnection } from '../../cli/connection.ts';
import {
  consensusLeader,
  coordinatorLeader,
  type LeaderScope,
  parseScope,
  partitionLeader,
} from '../../cli/listings/leader-listing.ts';

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
    await this.print(await this.withCluster(flags, (cluster) => leaderOf(cluster, scope)));
    return undefined;
  }
}

async function leaderOf(cluster: ClusterConnection, scope: LeaderScope) {
  switch (scope.kind) {
    case 'coordinator':
      return coordinatorLeader(await cluster.leader());
    case 'consensus': {
      const [status, { source }] = await Promise.all([cluster.consensusStatus(), cluster.leader()]);
      return consensusLeader(status, source);
    }
    case 'partition':
      return partitionLeader(await cluster.snapshot(), scope.partition);
  }
}
