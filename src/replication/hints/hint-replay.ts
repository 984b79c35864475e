import { type BackoffBounds, backoffMs } from '../../base/backoff.ts';
import type { Clock } from '../../base/clock.ts';
import { explain, StratumError } from '../../base/errors.ts';
import type { Part } from '../../base/lifecycle.ts';
import type { Logger } from '../../base/log.ts';
import type { Random } from '../../base/random.ts';
import { MiB } from '../../base/units.ts';
import { WakeablePause } from '../../base/wakeable-pause.ts';
import type { Topology, TopologySource } from '../../topology/topology.ts';
import type { NodeDirectory } from '../node-directory.ts';
import { closeGaps, defaultCopyTimeouts } from '../repair/close-gaps.ts';
import { type CopyTimeouts, isRefusal } from '../repair/gap-copy.ts';
import { ByteThrottle } from './byte-throttle.ts';
import type { HintLog } from './hint-log.ts';
import type { Hint } from './hint-record.ts';
import { NodeReplay } from './node-replay.ts';
import { RingAbsence } from './ring-absence.ts';

/** Values of a replay; each has a default. */
export interface HintReplayOptions {
  /** Bytes a second, to all nodes together: what is left of a link of 1 Gbit/s must be enough for pushes. */
  readonly bytesPerSecond?: number;
}

/** What a replay works with. */
export interface HintReplayModules {
  readonly hints: HintLog;
  readonly topology: TopologySource;
  readonly nodes: NodeDirectory;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

const defaults = { bytesPerSecond: 64 * MiB };

/** Nodes whose hints are replayed at the same time; each is sent two copies at once by `closeGaps`. */
const nodesAtOnceMax = 2;

/** A node's turn: long enough for full messages, short enough that others get theirs. */
const turnHintsMax = 512;
const turnBytesMax = 64 * MiB;

/** Pauses after failures in a row; a full disk is not emptied within seconds. */
const failureBackoff: BackoffBounds = { minMs: 1_000, maxMs: 60_000 };
const diskFullBackoff: BackoffBounds = { minMs: 30_000, maxMs: 300_000 };

/** Milliseconds between two looks for hints that are too old. */
const expiryIntervalMs = 60_000;

/**
 * Closes the gaps of a hint log in the background: a node's turn comes when the topology calls it
 * ACTIVE, and its hints go to it in the order of their age. Gaps that were closed by others, and those
 * of nodes that the blob no longer belongs to, cost a question or nothing. A node that fails is tried again
 * after a growing pause of its own, from its oldest hint. A hint that fails while its node is well is
 * stepped over until the others had their turn. Both until the hint is too old.
 */
export class HintReplay implements Part {
  readonly name = 'hint replay';
  readonly #modules: HintReplayModules;
  readonly #throttle: ByteThrottle;
  readonly #timeouts: CopyTimeouts;
  readonly #pause: WakeablePause;
  readonly #stopped = new AbortController();
  readonly #nodes = new Map<string, NodeReplay>();
  readonly #absence: RingAbsence;
  readonly #turns = new Set<Promise<void>>();
  #unsubscribe: (() => void)[] = [];
  #running: Promise<void> = Promise.resolve();

  constructor(options: HintReplayOptions, modules: HintReplayModules) {
    const { bytesPerSecond } = { ...defaults, ...options };
    this.#modules = modules;
    this.#throttle = new ByteThrottle({ bytesPerSecond }, modules);
    // Four copies share the rate, not always fairly.
    const timeoutPerMiBMs = Math.max(defaultCopyTimeouts.timeoutPerMiBMs, (8 * MiB * 1_000) / bytesPerSecond);
    this.#timeouts = { ...defaultCopyTimeouts, timeoutPerMiBMs };
    this.#pause = new WakeablePause(modules);
    this.#absence = new RingAbsence(modules);
  }

  async start(): Promise<void> {
    const { hints, topology } = this.#modules;
    this.#unsubscribe = [
      hints.subscribe(() => this.#pause.wake()),
      topology.subscribe((next) => {
        for (const node of this.#nodes.values()) node.hear(next);
        this.#pause.wake();
      }),
    ];
    this.#running = this.#run();
  }

  /** Cuts short the turns under way; what they have copied is settled. */
  async stop(): Promise<void> {
    for (const end of this.#unsubscribe) end();
    this.#stopped.abort(new StratumError('SHUTTING_DOWN', 'the replay of hints is stopped'));
    await this.#running;
    await Promise.all(this.#turns);
  }

  async #run(): Promise<void> {
    const { clock, hints, log } = this.#modules;
    const { signal } = this.#stopped;
    let expiredAtMs = Number.NEGATIVE_INFINITY;
    while (!signal.aborted) {
      this.#pause.rearm();
      if (clock.monotonicMs() - expiredAtMs >= expiryIntervalMs) {
        expiredAtMs = clock.monotonicMs();
        await hints.expire(signal).catch((error: unknown) => {
          log.warn({ error: explain(error) }, 'hints that are too old could not be dropped');
        });
      }
      const nextMs = this.#beginTurns();
      await this.#pause.wait(Math.min(nextMs, expiryIntervalMs), signal);
    }
  }

  /** Gives turns to the nodes that are ready for one; milliseconds until the next of the others may be. */
  #beginTurns(): number {
    const { hints, topology, clock } = this.#modules;
    const now = topology.current();
    const nodeIds = hints.nodeIds();
    for (const nodeId of this.#nodes.keys()) if (!nodeIds.includes(nodeId)) this.#endEpisode(nodeId);
    if (now === undefined || now.ring.epoch === 0n) return Number.POSITIVE_INFINITY;
    let nextMs = Number.POSITIVE_INFINITY;
    for (const [nodeId, ringMs] of this.#absence.waits(now, this.#inTurn(nodeIds))) {
      const node = this.#nodes.get(nodeId);
      if (node?.isBusy) continue;
      const readyMs = node === undefined || ringMs > 0 ? 0 : this.#readyAtMs(node) - clock.monotonicMs();
      const waitMs = Math.max(ringMs, readyMs);
      if (waitMs > 0) nextMs = Math.min(nextMs, waitMs);
      else if (this.#turns.size < nodesAtOnceMax) this.#beginTurn(nodeId, now);
    }
    return nextMs;
  }

  /** Milliseconds of the monotonic clock. */
  #readyAtMs(node: NodeReplay): number {
    const isBetweenPasses = node.nextPassAtMs > node.resumeAtMs;
    if (!isBetweenPasses || this.#modules.hints.page(node.nodeId, node.cursor, 1, 0).length > 0) return node.resumeAtMs;
    return node.nextPassAtMs;
  }

  /** Who had the last turn comes last. */
  #inTurn(nodeIds: readonly string[]): string[] {
    const lastTurn = (nodeId: string) => this.#nodes.get(nodeId)?.lastTurnAtMs ?? Number.NEGATIVE_INFINITY;
    return nodeIds.toSorted((a, b) => (lastTurn(a) < lastTurn(b) ? -1 : lastTurn(a) > lastTurn(b) ? 1 : 0));
  }

  #beginTurn(nodeId: string, topology: Topology): void {
    const { clock, hints, log } = this.#modules;
    let node = this.#nodes.get(nodeId);
    if (node === undefined) {
      node = new NodeReplay({ nodeId, topology }, { clock });
      this.#nodes.set(nodeId, node);
      log.info({ peer: nodeId, hints: hints.countOf(nodeId) }, 'the replay of a node’s hints begins');
    }
    const replay = node;
    replay.begin();
    const turn = this.#turn(replay)
      .catch((error: unknown) => replay.restFor(this.#pauseAfter(replay, replay.fail(), failureBackoff, error)))
      .finally(() => {
        replay.end();
        this.#turns.delete(turn);
        this.#pause.wake();
      });
    this.#turns.add(turn);
  }

  async #turn(node: NodeReplay): Promise<void> {
    const { hints, log } = this.#modules;
    const { signal } = this.#stopped;
    const page = hints.page(node.nodeId, node.cursor, turnHintsMax, turnBytesMax);
    const last = page.at(-1);
    if (last === undefined) {
      await this.#endPass(node);
      return;
    }
    const modules = { ...this.#modules, throttle: this.#throttle, timeouts: this.#timeouts };
    const results = await closeGaps(page, modules, signal);
    const settled = page.flatMap((hint: Hint, index) => {
      const fate = results[index];
      return fate === undefined || (fate.outcome === 'FAILED' && signal.aborted) ? [] : [{ hint, fate }];
    });
    await hints.settle(settled);
    for (const { fate } of settled) {
      node.count(fate);
      if (fate.outcome === 'LOST') log.warn({ peer: node.nodeId, oid: fate.gap.oid }, fate.error.message);
    }
    node.cursor = last.number;
    const refusal = results.find(isRefusal);
    if (refusal === undefined) {
      node.succeed();
      return;
    }
    const bounds = refusal.error.code === 'DISK_FULL' ? diskFullBackoff : failureBackoff;
    node.restFor(this.#pauseAfter(node, node.fail(), bounds, refusal.error));
  }

  /** Every hint was tried. */
  async #endPass(node: NodeReplay): Promise<void> {
    const { hints, clock } = this.#modules;
    if (node.cursor === 0n) await hints.expire(this.#stopped.signal); // There are some, and all are too old.
    const failure = node.takePassFailure();
    if (node.nextPassAtMs > clock.monotonicMs()) return;
    if (failure === undefined) node.beginPass();
    else node.restPassFor(this.#pauseAfter(node, node.failPass(), failureBackoff, failure));
  }

  /** Milliseconds to wait after so many failures in a row. */
  #pauseAfter(node: NodeReplay, failures: number, bounds: BackoffBounds, error: unknown): number {
    const { log, random } = this.#modules;
    const pauseMs = backoffMs(failures, bounds, random);
    const fields = { peer: node.nodeId, failures, pauseMs: Math.round(pauseMs), error: explain(error) };
    if (this.#stopped.signal.aborted) return pauseMs;
    if (failures === 1) log.warn(fields, 'the replay of a node’s hints failed; it is tried again');
    else log.debug(fields, 'the replay of a node’s hints failed again');
    return pauseMs;
  }

  #endEpisode(nodeId: string): void {
    const node = this.#nodes.get(nodeId);
    if (node === undefined || node.isBusy) return;
    this.#nodes.delete(nodeId);
    this.#modules.log.info({ peer: nodeId, ...node.counts }, 'the replay of a node’s hints ends');
  }
}
