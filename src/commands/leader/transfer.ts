import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { StratumError } from '../../base/errors.ts';
import { changeFlags, requesterOf } from '../../cli/change-flags.ts';
import { confirm } from '../../cli/confirm.ts';
import { coordinatorLeader, leaderListing, leaderOfPartition, parseScope } from '../../cli/listings/leader-listing.ts';
import { type PlannedChange, planListing } from '../../cli/listings/plan-listing.ts';
import { MoveCommand, type MoveFlags } from '../../cli/partition-move/move-command.ts';
import { addressOfCoordinator, successorOf } from '../../cli/successor.ts';

/** Catching up may take its time; who wants to say how long uses "partition move". */
const moveTimeoutMs = 600_000;

/** `stratum leader transfer` */
export default class LeaderTransfer extends MoveCommand {
  static override id = 'leader:transfer';
  static override summary = 'Hand the leadership of the coordinators, or of a partition, to another node';
  static override description =
    'Of the coordinators: without an id, to the coordinator that answers and has seen most. Of a partition: as "stratum partition move", without an id to the in-sync replica that has the fewest primaries. To one that leads already is no error.';
  static override examples = [
    'stratum leader transfer coordinator-2 --yes --reason "coordinator-1 gets a new disk"',
    'stratum leader transfer --scope partition:7 --to metadata-2 --yes',
    'stratum leader transfer --dry-run',
  ];
  static override args = {
    node: Args.string({ description: 'id of the node that is to lead', ignoreStdin: true }),
  };
  static override flags = {
    scope: Flags.string({
      description: 'Whose leader: coordinator or partition:N.',
      helpValue: '<scope>',
      default: 'coordinator',
    }),
    to: Flags.string({ description: 'The same as the argument.', helpValue: '<node>' }),
    ...changeFlags,
  };

  override async run(): Promise<undefined> {
    const { args, flags } = await this.parse(LeaderTransfer);
    const scope = parseScope(flags.scope);
    const targetId = onlyOne(args.node, flags.to);
    if (scope.kind === 'consensus') throw cannotMove(flags.scope);
    if (scope.kind === 'coordinator') await this.#moveCoordinators(flags, targetId);
    else await this.#movePartition(flags, scope.partition, targetId);
    return undefined;
  }

  #movePartition(flags: MoveFlags, partition: number, targetId: string | undefined): Promise<void> {
    const plain = { replace: false, acceptDataLoss: false, confirm: undefined, detach: false };
    return this.move(flags, { partition, targetId, ...plain, timeoutMs: moveTimeoutMs }, (moved, source) =>
      this.print(leaderOfPartition(moved.partition, { topology: moved.topology, source })),
    );
  }

  async #moveCoordinators(flags: MoveFlags, asked: string | undefined): Promise<void> {
    await this.withCluster(flags, async (cluster) => {
      const source = await this.announceChange(flags, cluster);
      const [before, survey] = await Promise.all([cluster.leader(), cluster.consensusStatuses()]);
      const now = coordinatorLeader(before);
      const { leaderId } = before;
      const targetId = successorOf(survey, leaderId, asked);
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
  }
}

/** `named` is the target for people. */
function transferPlan(leaderId: string, target: string, named: string): PlannedChange {
  const changes = target !== leaderId;
  const detail = changes ? `would move the leadership from ${leaderId} to ${named}` : `${named} leads already`;
  return { action: 'leader transfer', target, changes, before: { leaderId }, after: { leaderId: target }, detail };
}

function onlyOne(argument: string | undefined, flag: string | undefined): string | undefined {
  if (argument === undefined || flag === undefined || argument === flag) return argument ?? flag;
  const message = `${argument} and --to ${flag} are two nodes`;
  throw new StratumError('USAGE', message, undefined, { hint: 'leave one of them out' });
}

function cannotMove(scope: string): StratumError {
  const hint = 'the consensus engine chooses its leader itself; that of the coordinators is another one';
  return new StratumError('UNIMPLEMENTED', `this version cannot move the leader of ${scope}`, undefined, { hint });
}
