import { requesterOf } from '../change-flags.ts';
import { ClusterCommand, type ConnectionChoice } from '../cluster-command.ts';
import { confirm, confirmByName } from '../confirm.ts';
import type { ClusterConnection } from '../connection.ts';
import { findPartition } from '../find-partition.ts';
import { planListing } from '../listings/plan-listing.ts';
import type { Source } from '../output/envelope.ts';
import { type Progress, startProgress } from '../progress.ts';
import { planMove } from './move-plan.ts';
import { assertMovable, type MoveWish } from './move-step.ts';
import { type Moved, PartitionMover } from './partition-mover.ts';
import { successorOfPrimary } from './partition-successor.ts';

/** The flags that a move looks at itself. */
export interface MoveFlags extends ConnectionChoice {
  readonly reason: string;
  readonly yes: boolean;
  readonly 'dry-run': boolean;
}

/** A move as the command line asks for it. */
export interface MoveRequest {
  readonly partition: number;
  /** Undefined for the in-sync replica with the fewest primaries. */
  readonly targetId: string | undefined;
  /** The primary that is deposed is to be no replica any more. */
  readonly replace: boolean;
  readonly acceptDataLoss: boolean;
  /** What --confirm said. */
  readonly confirm: string | undefined;
  readonly detach: boolean;
  /** Milliseconds for the whole. */
  readonly timeoutMs: number;
}

/** A command that moves the primary of a partition. */
export abstract class MoveCommand extends ClusterCommand {
  /** Confirms and moves; `show` prints the partition as it is then. */
  protected async move(
    flags: MoveFlags,
    request: MoveRequest,
    show: (moved: Moved, source: Source) => Promise<void>,
  ): Promise<void> {
    await this.withCluster(flags, async (cluster) => {
      const source = await this.announceChange(flags, cluster);
      const { topology } = await cluster.snapshot();
      const partition = findPartition(topology, request.partition);
      const targetId = request.targetId ?? successorOfPrimary(partition, topology);
      const leavingId = request.replace ? partition.primaryId : undefined;
      const { replicas } = partition;
      const wish: MoveWish = { targetId, leavingId, replicas, acceptDataLoss: request.acceptDataLoss };
      assertMovable(topology, partition, wish);
      const plan = planMove(partition, topology, wish);
      const what = `partition ${partition.id}`;
      if (flags['dry-run']) {
        if (!this.isForPeople) await this.print(planListing(plan, source));
        await this.say(plan.changes ? `would, for ${what}: ${plan.detail}` : `${what}: ${plan.detail}`);
        return;
      }
      if (!plan.changes) {
        await show({ partition, topology, waitsFor: undefined }, source);
        await this.say(`${targetId} is the primary of ${what} already`);
        return;
      }
      if (wish.acceptDataLoss) {
        const { inSync } = partition;
        const loss = inSync.includes(targetId)
          ? `It has all that was acknowledged, nothing is lost: ${plan.detail}`
          : `Pushes that were acknowledged since it was last in sync are lost; in sync are ${inSync.join(', ')}`;
        await confirmByName(`Force ${what} to ${targetId}? ${loss}.`, String(partition.id), request, this.io);
      } else {
        await confirm(`Move ${what}? ${plan.detail}.`, flags, this.io);
      }
      const moved = await this.#carryOut(cluster, request, { wish, topology, reason: flags.reason });
      await show(moved, source);
      const before = partition.primaryId === targetId ? '' : `, ${partition.primaryId} was before`;
      const rest = moved.waitsFor === undefined ? '' : `${moved.waitsFor}: the same command goes on then`;
      await this.say(rest === '' ? `${targetId} is the primary of ${what} now${before}` : rest);
    });
  }

  async #carryOut(
    cluster: ClusterConnection,
    { partition, detach, timeoutMs }: MoveRequest,
    { wish, topology, reason }: Pick<Moved, 'topology'> & { readonly wish: MoveWish; readonly reason: string },
  ): Promise<Moved> {
    const { io, clock, random } = this.modules;
    const signal = io.interrupted;
    const by = requesterOf({ reason }, io.env);
    const progress = this.#progressOf(partition);
    const onStep = (text: string) => progress.then((shown) => shown.update(text));
    const mover = new PartitionMover(
      { partition, wish, by, timeoutMs, detach, signal },
      { cluster, clock, random, topology, onStep },
    );
    try {
      return await mover.run();
    } catch (error) {
      if (signal.aborted)
        await this.say('only the waiting has ended: what was begun goes on; the same command goes on with it');
      throw error;
    } finally {
      (await progress).end();
    }
  }

  #progressOf(partition: number): Promise<Progress> {
    return startProgress(`moving partition ${partition}`, this.io);
  }
}
