import type { Clock } from '../../base/clock.ts';
import { hasCode, StratumError } from '../../base/errors.ts';
import type { Random } from '../../base/random.ts';
import { applyUpdate } from '../../topology/apply-update.ts';
import type { Requester } from '../../topology/commands.ts';
import type { Partition, Topology } from '../../topology/topology.ts';
import type { ClusterConnection } from '../connection.ts';
import { findPartition } from '../find-partition.ts';
import { type FollowEvent, followTopology } from '../follow-topology.ts';
import { type MoveStep, type MoveWish, nextStep } from './move-step.ts';

/** Refusals in a row because somebody else changed the partition: its primary and the coordinator change it too, but not that often. */
const conflictsMax = 10;

/** How often a target that somebody else takes out of the replicas is added. */
const additionsMax = 3;

/** How long another change is given to reach the coordinator that is asked, in milliseconds. */
const conflictPauseMs = 200;

/** How to move. */
export interface MoveOptions {
  readonly partition: number;
  readonly wish: MoveWish;
  readonly by: Requester;
  /** Milliseconds for the whole. */
  readonly timeoutMs: number;
  /** End where something has to be waited for. */
  readonly detach: boolean;
  readonly signal: AbortSignal;
}

/** What a move is carried out with. */
export interface MoveModules {
  readonly cluster: ClusterConnection;
  readonly clock: Clock;
  readonly random: Random;
  /** Told each step before it is taken. */
  readonly onStep: (text: string) => void;
}

/** A partition after a move, or after its first steps. */
export interface Moved {
  readonly partition: Partition;
  readonly topology: Topology;
  /** What has to be waited for; undefined when all is done. */
  readonly waitsFor: string | undefined;
}

/**
 * Moves a partition a step at a time, each a compare-and-swap that is decided from the partition as it is then: whoever
 * runs it again goes on where it ended. WAIT_TIMEOUT when time is up; what was begun goes on in the cluster.
 */
export class PartitionMover {
  readonly #options: MoveOptions;
  readonly #modules: MoveModules;
  #topology: Topology;
  #partition: Partition;
  #events: AsyncGenerator<FollowEvent, void, undefined> | undefined;
  #conflicts = 0;
  #additions = 0;

  constructor(options: MoveOptions, modules: MoveModules & { readonly topology: Topology }) {
    this.#options = options;
    this.#modules = modules;
    this.#topology = modules.topology;
    this.#partition = findPartition(modules.topology, options.partition);
  }

  async run(): Promise<Moved> {
    const { timeoutMs, signal, detach, wish, partition } = this.#options;
    const overdue = new AbortController();
    let waitsFor: string | undefined;
    const timer = this.#modules.clock.after(timeoutMs, () => {
      const message = `partition ${partition} was not moved in time, at: ${waitsFor ?? 'a change'}`;
      const hint = 'what was begun goes on; the same command goes on with it, and "stratum partition show" tells';
      overdue.abort(new StratumError('WAIT_TIMEOUT', message, undefined, { hint }));
    });
    const either = AbortSignal.any([signal, overdue.signal]);
    try {
      for (;;) {
        either.throwIfAborted();
        const step = nextStep(this.#partition, this.#topology, wish);
        waitsFor = step.kind === 'wait' ? step.text : undefined;
        if (step.kind === 'done' || (step.kind === 'wait' && detach)) {
          return { partition: this.#partition, topology: this.#topology, waitsFor };
        }
        this.#modules.onStep(step.text);
        if (step.kind === 'change') await this.#change(step, either);
        else await this.#news(either);
      }
    } finally {
      timer.cancel();
      await this.#events?.return();
    }
  }

  async #change({ partition, joins }: MoveStep & { kind: 'change' }, signal: AbortSignal): Promise<void> {
    const { wish, by } = this.#options;
    const generations = new Map(joins.map((id) => [id, this.#topology.nodes.get(id)?.generationId ?? 0n]));
    const change = { partition, generations, acceptDataLoss: wish.acceptDataLoss };
    const isAddition = !this.#partition.replicas.includes(wish.targetId);
    if (isAddition && this.#additions >= additionsMax) throw takenOutAgain(this.#partition, wish.targetId);
    try {
      this.#partition = await this.#modules.cluster.changePartition(change, by);
      this.#conflicts = 0;
      if (isAddition) this.#additions += 1;
    } catch (error) {
      if (!hasCode(error, 'VERSION_CONFLICT') || this.#conflicts >= conflictsMax) throw error;
      this.#conflicts += 1;
      await this.#reread(signal);
    }
  }

  /** The partition as somebody else has made it. */
  async #reread(signal: AbortSignal): Promise<void> {
    const { cluster, clock } = this.#modules;
    const { topology } = await cluster.snapshot();
    // The coordinator that answered may be behind the one that refused.
    const isBehind = findPartition(topology, this.#partition.id).epoch <= this.#partition.epoch;
    this.#learn(topology);
    if (isBehind) await clock.sleep(conflictPauseMs, signal);
  }

  /** Waits until the topology has changed. */
  async #news(signal: AbortSignal): Promise<void> {
    const { cluster, clock, random } = this.#modules;
    const options = { sinceVersion: () => this.#topology.version, timeoutMs: this.#options.timeoutMs, signal };
    this.#events ??= followTopology(cluster, options, { clock, random });
    for (;;) {
      const { value: event } = await this.#events.next();
      signal.throwIfAborted();
      const { version } = this.#topology;
      if (event?.kind === 'full-sync') this.#learn(event.topology);
      if (event?.kind === 'update' && event.update.version > version) {
        this.#learn(applyUpdate(this.#topology, event.update));
      }
      if (this.#topology.version > version) return;
    }
  }

  /** The answer to a change may be ahead of the topology that is watched. */
  #learn(topology: Topology): void {
    if (topology.version > this.#topology.version) this.#topology = topology;
    const partition = findPartition(topology, this.#partition.id);
    if (partition.epoch > this.#partition.epoch) this.#partition = partition;
  }
}

/** Whoever balances the replicas may take out at once what this adds: that would go on for ever. */
function takenOutAgain({ id, epoch }: Partition, targetId: string): StratumError {
  const details = { what: `replicas of partition ${id}`, expected: targetId, current: `without it at epoch ${epoch}` };
  const message = `${targetId} was taken out of the replicas of partition ${id} again before it had caught up`;
  const hint = 'the coordinator has a better place for the replica: "stratum topology history" tells why';
  return new StratumError('VERSION_CONFLICT', message, details, { hint });
}
