import type { Clock } from '../../base/clock.ts';
import type { Topology } from '../../topology/topology.ts';
import type { GapFate } from '../repair/gap-copy.ts';

/** How far the replay of one node's hints is, from the first of them to the last. */
export class NodeReplay {
  readonly nodeId: string;
  readonly #clock: Clock;
  /** The number of the last hint that was tried in this pass over all of them. */
  cursor = 0n;
  #resumeAtMs = Number.NEGATIVE_INFINITY;
  #nextPassAtMs = Number.NEGATIVE_INFINITY;
  #lastTurnAtMs = Number.NEGATIVE_INFINITY;
  #isBusy = false;
  #failures = 0;
  #failedPasses = 0;
  /** Why a gap of this pass stays open, though the node is well. */
  #passFailure: Error | undefined;
  #wasActive: boolean;
  #generationId: bigint | undefined;
  readonly #counts = { replayed: 0, needless: 0, lost: 0 };

  constructor(options: { readonly nodeId: string; readonly topology: Topology }, modules: { readonly clock: Clock }) {
    this.nodeId = options.nodeId;
    this.#clock = modules.clock;
    const node = options.topology.nodes.get(this.nodeId);
    this.#wasActive = node?.state === 'ACTIVE';
    this.#generationId = node?.generationId;
  }

  /** Milliseconds of the monotonic clock; no turn before. */
  get resumeAtMs(): number {
    return this.#resumeAtMs;
  }

  /** Milliseconds of the monotonic clock. */
  get lastTurnAtMs(): number {
    return this.#lastTurnAtMs;
  }

  /** Whether a turn is under way. */
  get isBusy(): boolean {
    return this.#isBusy;
  }

  /** What became of the hints. */
  get counts(): { readonly replayed: number; readonly needless: number; readonly lost: number } {
    return this.#counts;
  }

  begin(): void {
    this.#isBusy = true;
    this.#lastTurnAtMs = this.#clock.monotonicMs();
  }

  end(): void {
    this.#isBusy = false;
  }

  /** Milliseconds of the monotonic clock; all hints were tried, and those that are left wait until then. */
  get nextPassAtMs(): number {
    return this.#nextPassAtMs;
  }

  /** Why a hint that was tried since the last call is left, though the node is well. */
  takePassFailure(): Error | undefined {
    const failure = this.#passFailure;
    this.#passFailure = undefined;
    return failure;
  }

  /** What is left is to be tried anew, from the oldest. */
  beginPass(): void {
    this.#nextPassAtMs = Number.NEGATIVE_INFINITY;
    this.cursor = 0n;
  }

  /** How many passes have left gaps open with this one. */
  failPass(): number {
    this.#failedPasses += 1;
    return this.#failedPasses;
  }

  /** Hints that come meanwhile do not wait for those that are left. */
  restPassFor(pauseMs: number): void {
    this.#nextPassAtMs = this.#clock.monotonicMs() + pauseMs;
  }

  count(fate: GapFate): void {
    if (fate.outcome === 'CLOSED') this.#counts.replayed += 1;
    else if (fate.outcome === 'NEEDLESS') this.#counts.needless += 1;
    else if (fate.outcome === 'LOST') this.#counts.lost += 1;
    else this.#passFailure = fate.error;
  }

  /** A turn in which the node did what it was asked. */
  succeed(): void {
    this.#failures = 0;
  }

  /** How many turns in a row the node has failed with this one; the next begins with the oldest hint. */
  fail(): number {
    this.beginPass();
    this.#passFailure = undefined;
    this.#failures += 1;
    return this.#failures;
  }

  restFor(pauseMs: number): void {
    this.#resumeAtMs = this.#clock.monotonicMs() + pauseMs;
  }

  /** A node that comes back is tried at once, but a failure then counts with those before. */
  hear(topology: Topology): void {
    const node = topology.nodes.get(this.nodeId);
    const isActive = node?.state === 'ACTIVE';
    const isBack = isActive && (!this.#wasActive || node?.generationId !== this.#generationId);
    this.#wasActive = isActive;
    this.#generationId = node?.generationId;
    if (isBack) this.#resumeAtMs = Number.NEGATIVE_INFINITY;
  }
}
