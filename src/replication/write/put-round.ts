import { type NodeFailure, StratumError } from '../../base/errors.ts';
import type { BlobSource } from '../blob-source.ts';
import { leftOut, type Placement } from '../placement.ts';
import type { GapSink } from '../replica-gaps.ts';
import { fenceOf } from './newer-topology.ts';
import type { NodeWrites } from './node-writes.ts';
import { failureAt, givenUp, insufficientReplicas } from './write-failure.ts';
import type { WriteTally } from './write-tally.ts';

/** What all rounds of one call have in common. */
export interface RoundOptions {
  readonly required: number;
  /** On the monotonic clock. */
  readonly deadlineMs: number;
  readonly attempt: number;
  /** The caller's; it counts until the answer only. */
  readonly signal: AbortSignal | undefined;
}

/** What rounds work with. */
export interface RoundModules {
  readonly writes: NodeWrites;
  readonly tally: WriteTally;
  readonly gaps: GapSink | undefined;
}

/** Writes that may go on after the answer. */
export interface WritesUnderWay {
  readonly isPending: boolean;
  /** Writes of one blob to one node that have failed by now. */
  readonly failedWrites: number;
  /** Resolves, never rejects, when the last write has ended. */
  readonly settled: Promise<void>;
  /** Ends the writes that go on; they count as failed, for this reason. */
  abandon(reason: unknown): void;
}

/** One blob's writes to all its own nodes, placed by one topology. It begins when it is made. */
export class PutRound implements WritesUnderWay {
  readonly #source: BlobSource;
  readonly #placement: Placement;
  readonly #options: RoundOptions;
  readonly #modules: RoundModules;
  readonly #giveUp = new AbortController();
  readonly #answer = Promise.withResolvers<void>();
  /** Writes that have not ended; all of them from the start, whichever is called first. */
  #pending: number;
  readonly failures: NodeFailure[] = [];
  achieved = 0;
  readonly settled: Promise<void>;

  constructor(source: BlobSource, placement: Placement, options: RoundOptions, modules: RoundModules) {
    this.#source = source;
    this.#placement = placement;
    this.#options = options;
    this.#modules = modules;
    this.#pending = placement.nodeIds.length;
    const out = leftOut(placement, options.required);
    const writes = placement.nodeIds.map((nodeId) => this.#writeTo(nodeId, out.get(nodeId)));
    this.settled = Promise.all(writes).then(() => undefined);
    this.#decide(); // A placement with too few nodes has no write to decide it.
  }

  get isPending(): boolean {
    return this.#pending > 0;
  }

  get failedWrites(): number {
    return this.failures.length;
  }

  /** Resolves at the required number of durable copies; INSUFFICIENT_REPLICAS when every write has ended before. */
  async answer(): Promise<void> {
    const { signal } = this.#options;
    const onAbort = () => this.abandon(signal?.reason);
    signal?.addEventListener('abort', onAbort, { once: true });
    if (signal?.aborted) onAbort();
    try {
      await this.#answer.promise;
    } finally {
      // The caller has its answer; only the deadline ends the remaining writes from here on.
      signal?.removeEventListener('abort', onAbort);
    }
  }

  abandon(reason: unknown): void {
    this.#giveUp.abort(reason);
  }

  /** A failure is a value here, whatever the writer does. */
  async #writeTo(nodeId: string, reasonToLeaveOut: string | undefined): Promise<void> {
    const { topology } = this.#placement;
    const { attempt, deadlineMs, required } = this.#options;
    const target = { nodeId, endpoint: topology.nodes.get(nodeId)?.address ?? 'unknown', attempt };
    const source = this.#source;
    let failure: NodeFailure | undefined;
    try {
      if (reasonToLeaveOut !== undefined) {
        throw new StratumError('UNREACHABLE', `${nodeId} ${reasonToLeaveOut}`, { endpoint: target.endpoint });
      }
      await this.#modules.writes.run({
        target,
        bytes: source.size,
        deadlineMs,
        signal: this.#giveUp.signal,
        isNeeded: () => this.achieved + this.#pending - 1 < required,
        send: (writer, options) => writer.put(source, fenceOf(topology), options),
      });
    } catch (error) {
      failure = failureAt(target, error);
    }
    this.#end(failure);
  }

  #end(failure: NodeFailure | undefined): void {
    const { required } = this.#options;
    this.#pending -= 1;
    this.#modules.tally.record(failure === undefined);
    if (failure === undefined) {
      this.achieved += 1;
      this.#decide();
      if (this.achieved === required) for (const { nodeId } of this.failures) this.#noteGap(nodeId);
    } else {
      this.failures.push(failure);
      this.#decide();
      if (this.achieved >= required) this.#noteGap(failure.nodeId);
    }
  }

  #decide(): void {
    const { required } = this.#options;
    if (this.achieved >= required) this.#answer.resolve();
    else if (this.#pending === 0) {
      this.#answer.reject(insufficientReplicas(this.#source.oid, required, this.achieved, this.failures));
    } else if (this.achieved + this.#pending < required) this.#giveUp.abort(givenUp(required));
  }

  #noteGap(nodeId: string): void {
    const { oid, size } = this.#source;
    this.#modules.gaps?.note({ oid, size, nodeId }, 'MISSED_WRITE');
  }
}
