import type { Clock } from '../../base/clock.ts';
import { withDeadline } from '../../base/deadline.ts';
import { StratumError } from '../../base/errors.ts';
import { MiB } from '../../base/units.ts';
import { smallBlobsBytesMax } from '../../rpc/limits.ts';
import { FlightLimit } from '../flight-limit.ts';
import type { NodeDirectory } from '../node-directory.ts';
import type { NodeCallOptions, NodeWriter } from '../node-io.ts';
import type { NodeLatencies } from '../node-latency.ts';
import type { WriteTarget } from './write-failure.ts';

/** Values of the writes to single nodes. */
export interface NodeWritesOptions {
  /** Milliseconds for each MiB, beside what a node takes for a write lately. */
  readonly timeoutPerMiBMs: number;
  /** Writes under way at one node. */
  readonly nodeWritesMax: number;
  /** Bytes under way to one node. */
  readonly nodeBytesMax: number;
  /** Writes that wait for their turn at one node; the next ones fail with OVERLOADED. */
  readonly nodeWaitingMax: number;
}

/** What the writes to single nodes work with. */
export interface NodeWritesModules {
  readonly clock: Clock;
  readonly nodes: NodeDirectory;
  readonly latencies: NodeLatencies;
}

/** A write to one node. */
export interface NodeWrite<T> {
  readonly target: WriteTarget;
  readonly bytes: number;
  /** On the monotonic clock: when the whole call ends. */
  readonly deadlineMs: number;
  readonly signal: AbortSignal;
  /** Whether the call cannot succeed without this node: it is given all the time that the call has then. */
  readonly isNeeded: () => boolean;
  readonly send: (writer: NodeWriter, options: NodeCallOptions) => Promise<T>;
}

/** A node is given this many times what the slowest of its recent writes took. */
const patienceFactor = 4;
const patienceQuantile = 0.99;
/** Less would take a pause of the collector or a slow fsync for a failure. */
const patienceMinMs = 1_000;
/** A larger write is streamed: no more of it is under way at a time, and its duration says little of others'. */
const streamedBytes = smallBlobsBytesMax;

/**
 * Calls single nodes for the quorum writer: bounded in number and bytes for each node, so that a
 * slow one is not buried, and with a time-out that follows what the node took lately.
 */
export class NodeWrites {
  readonly #options: NodeWritesOptions;
  readonly #modules: NodeWritesModules;
  /** Of the nodes with something under way. */
  readonly #limits = new Map<string, FlightLimit>();

  constructor(options: NodeWritesOptions, modules: NodeWritesModules) {
    this.#options = options;
    this.#modules = modules;
  }

  /**
   * Resolves with what the node answered. Rejects with the node's error; UNREACHABLE for one that is not
   * known, OVERLOADED when too many writes wait for it, DEADLINE_EXCEEDED, or the signal's reason.
   */
  async run<T>(write: NodeWrite<T>): Promise<T> {
    const { nodeId, endpoint } = write.target;
    const writer = this.#modules.nodes.writer(nodeId);
    if (writer === undefined) throw new StratumError('UNREACHABLE', `${nodeId} is not registered`, { endpoint });
    const limit = this.#limitOf(nodeId);
    const flightBytes = Math.min(write.bytes, streamedBytes);
    if (!limit.tryEnter(flightBytes)) await this.#waitFor(limit, flightBytes, write);
    try {
      return await this.#send(writer, write);
    } finally {
      limit.leave(flightBytes);
      // Another limit may have taken its place: an idle one is dropped at once.
      if (limit.isIdle && this.#limits.get(nodeId) === limit) this.#limits.delete(nodeId);
    }
  }

  #limitOf(nodeId: string): FlightLimit {
    let limit = this.#limits.get(nodeId);
    if (limit === undefined) {
      const { nodeWritesMax, nodeBytesMax, nodeWaitingMax } = this.#options;
      limit = new FlightLimit({ countMax: nodeWritesMax, bytesMax: nodeBytesMax, waitingMax: nodeWaitingMax });
      this.#limits.set(nodeId, limit);
    }
    return limit;
  }

  async #waitFor(limit: FlightLimit, flightBytes: number, { target, deadlineMs, signal }: NodeWrite<unknown>) {
    const { clock } = this.#modules;
    const wait = new AbortController();
    const timeoutMs = Math.max(0, deadlineMs - clock.monotonicMs());
    const timer = clock.after(timeoutMs, () => wait.abort(tooLate(target, timeoutMs, 'had no free slot')));
    const onAbort = () => wait.abort(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    try {
      if (await limit.enter(flightBytes, wait.signal)) return;
    } finally {
      timer.cancel();
      signal.removeEventListener('abort', onAbort);
    }
    wait.signal.throwIfAborted();
    throw new StratumError('OVERLOADED', `${this.#options.nodeWaitingMax} writes wait for ${target.nodeId} already`, {
      retryAfterMs: patienceMinMs,
    });
  }

  async #send<T>(writer: NodeWriter, write: NodeWrite<T>): Promise<T> {
    const { clock, latencies } = this.#modules;
    const { target, bytes, deadlineMs } = write;
    const startMs = clock.monotonicMs();
    const timeoutMs = deadlineMs - startMs;
    write.signal.throwIfAborted();
    if (timeoutMs <= 0) throw tooLate(target, 0, 'was not called before the deadline');
    const patience = this.#patience(write, timeoutMs);
    try {
      const send = (signal: AbortSignal) => write.send(writer, { timeoutMs, signal });
      const answer = await withDeadline(clock, `put to ${target.nodeId}`, timeoutMs, send, patience.signal);
      if (bytes <= streamedBytes) latencies.record(target.nodeId, 'put', clock.monotonicMs() - startMs);
      return answer;
    } finally {
      patience.end();
    }
  }

  /** A signal that also aborts when the node takes far longer than lately, unless the call cannot do without it. */
  #patience({ target, bytes, signal, isNeeded }: NodeWrite<unknown>, timeoutMs: number) {
    const { clock, latencies } = this.#modules;
    const slowestMs = latencies.quantileMs(target.nodeId, 'put', patienceQuantile);
    if (slowestMs === undefined) return { signal, end: () => undefined };
    const allowanceMs = (bytes / MiB) * this.#options.timeoutPerMiBMs;
    const patienceMs = Math.max(patienceMinMs, Math.round(patienceFactor * slowestMs + allowanceMs));
    if (patienceMs >= timeoutMs) return { signal, end: () => undefined };
    const ended = new AbortController();
    const onAbort = () => ended.abort(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    const look = () => {
      if (isNeeded()) timer = clock.after(patienceMs, look);
      else ended.abort(tooLate(target, patienceMs, `took far longer than its ${Math.ceil(slowestMs)} ms of late`));
    };
    let timer = clock.after(patienceMs, look);
    const end = () => {
      timer.cancel();
      signal.removeEventListener('abort', onAbort);
    };
    return { signal: ended.signal, end };
  }
}

function tooLate({ nodeId, endpoint, attempt }: WriteTarget, timeoutMs: number, what: string) {
  const message = `${nodeId} ${what}: given up after ${Math.ceil(timeoutMs)} ms`;
  return new StratumError('DEADLINE_EXCEEDED', message, { endpoint, attempt, timeoutMs });
}
