import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { StratumError } from '../../base/errors.ts';
import { changeFlags, requesterOf } from '../../cli/change-flags.ts';
import { ClusterCommand } from '../../cli/cluster-command.ts';
import { confirm } from '../../cli/confirm.ts';
import { coordinatorLeader, leaderListing, parseScope } from '../../cli/listings/leader-listing.ts';
import { type PlannedChange, planListing } from '../../cli/listings/plan-listing.ts';
import { addressOfCoordinator, successorOf } from '../../cli/successor.ts';

/** `stratum leader transfer` */
export default class LeaderTransfer extends ClusterCommand {
  static override id = 'leader:transfer';
  static override summary = 'Hand the leadership of the coordinators to another one';
  static override description =
    'Without an id, to the coordinator that answers and has seen most. To one that leads already is no error.';
  static override examples = [
    'stratum leader transfer coordinator-2 --yes --reason "coordinator-1 gets a new disk"',
    'stratum leader transfer --dry-run',
  ];
  static override args = {
    coordinator: Args.string({ description: 'id of the coordinator that is to lead', ignoreStdin: true }),
  };
  static override flags = {
    scope: Flags.string({
      description: 'Whose leader: coordinator; others cannot be moved yet.',
      helpValue: '<scope>',
      default: 'coordinator',
    }),
    ...changeFlags,
  };

  override async run(): Promise<undefined> {
    const { args, flags } = await this.parse(LeaderTransfer);
    if (parseScope(flags.scope).kind !== 'coordinator') throw cannotMove(flags.scope);
    await this.withCluster(flags, async (cluster) => {
      const source = await this.announceChange(flags, cluster);
      const [before, survey] = await Promise.all([cluster.leader(), cluster.consensusStatuses()]);
      const now = coordinatorLeader(before);
      const { leaderId } = before;
      const targetId = successorOf(survey, leaderId, args.coordinator);
      const target = targetId === '' ? 'another coordinator' : targetId;
      if (flags['dry-run']) {
        const plan = transferPlan(leaderId ?? '', targetId, target);
        if (!this.isForPeople) await this.print(planListing(plan, source));
        await this.say(plan.detail);
        return;
      }
      if (targetId === leaderId) {
        await this.print(now);
        await this.say(`${targetId} leads already`);
        return;
      }
      await confirm(`Move the leadership of the coordinators from ${leaderId} to ${target}?`, flags, this.io);
      const after = await cluster.transferLeader(targetId, requesterOf(flags, this.io.env));
      const address = addressOfCoordinator(survey, after.leaderId);
      await this.print(leaderListing({ scope: 'coordinator', ...after, address, detail: '' }, source));
      await this.say(`${after.leaderId} leads now, ${leaderId} did before`);
    });
    return undefined;
  }
}

/** `named` is the target for people. */
function transferPlan(leaderId: string, target: string, named: string): PlannedChange {
  const changes = target !== leaderId;
  const detail = changes ? `would move the leadership from ${leaderId} to ${named}` : `${named} leads already`;
  return { action: 'leader transfer', target, changes, before: { leaderId }, after: { leaderId: target }, detail };
}

function cannotMove(scope: string): StratumError {
  const isPartition = scope.startsWith('partition');
  const hint = isPartition
    ? 'each partition has one replica in this version'
    : 'the consensus engine chooses its leader itself; that of the coordinators is another one';
  return new StratumError('UNIMPLEMENTED', `this version cannot move the leader of ${scope}`, undefined, { hint });
}
