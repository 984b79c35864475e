import type { Clock } from '../base/clock.ts';
import { withDeadline } from '../base/deadline.ts';
import { asStratumError, hasCode, type NodeFailure, StratumError } from '../base/errors.ts';
import { MiB } from '../base/units.ts';
import type { Topology, TopologySource } from '../topology/topology.ts';
import type { BlobSource } from './blob-source.ts';
import type { NodeDirectory } from './node-directory.ts';
import type { NodeWriter } from './node-io.ts';
import type { PutOutcome, QuorumCallOptions } from './object-api.ts';
import { isDown, type Placement, placementOf } from './placement.ts';
import { requiredCopies } from './quorum-math.ts';
import { WriteTally } from './write-tally.ts';

/** Values of a quorum writer; each has a default. */
export interface QuorumWriterOptions {
  /** Milliseconds for a write of no bytes. */
  readonly timeoutMs?: number;
  /** Milliseconds for each MiB in addition: 200 is a disk or a network of 5 MiB/s. */
  readonly timeoutPerMiBMs?: number;
  /** Puts whose remaining writes may go on after the answer; beyond it a put answers only when all have ended. */
  readonly backgroundMax?: number;
}

/** What a quorum writer works with. */
export interface QuorumWriterModules {
  readonly clock: Clock;
  readonly topology: TopologySource;
  readonly nodes: NodeDirectory;
}

const defaults = { timeoutMs: 10_000, timeoutPerMiBMs: 200, backgroundMax: 64 };

/**
 * Writes a blob to all N of its own nodes at once and answers at the W-th durable success; the rest
 * go on in the background. It never says success for less than the level asks for, and a failure
 * carries every node's own error. A node that knows a newer ring or term has the write repeated
 * once, from the newer topology, within the same deadline.
 */
export class QuorumWriter {
  readonly #options: Required<QuorumWriterOptions>;
  readonly #modules: QuorumWriterModules;
  readonly tally = new WriteTally();
  #background = 0;

  constructor(options: QuorumWriterOptions, modules: QuorumWriterModules) {
    this.#options = { ...defaults, ...options };
    this.#modules = modules;
  }

  /** See ObjectApi.put. */
  async put(source: BlobSource, options: QuorumCallOptions = {}): Promise<PutOutcome> {
    const { clock, topology } = this.#modules;
    const deadlineMs = clock.monotonicMs() + (options.timeoutMs ?? this.#timeoutFor(source.size));
    const placement = placementOf(topology, source.oid);
    try {
      return await this.#write(source, placement, deadlineMs, options);
    } catch (error) {
      const fence = staleFence(error);
      if (fence === undefined) throw error;
      const remainingMs = Math.max(1, deadlineMs - clock.monotonicMs());
      const isNewer = (next: Topology) => next.term >= fence.term && next.ring.epoch >= fence.ringEpoch;
      const caughtUp = withDeadline(
        clock,
        'a newer topology',
        remainingMs,
        (signal) => this.#topologyThat(isNewer, signal),
        options.signal,
      );
      await caughtUp.catch(() => {
        throw error; // The nodes' refusal says more than that nothing newer came.
      });
      return this.#write(source, placementOf(topology, source.oid), deadlineMs, options);
    }
  }

  #timeoutFor(bytes: number): number {
    return this.#options.timeoutMs + (bytes / MiB) * this.#options.timeoutPerMiBMs;
  }

  async #write(
    source: BlobSource,
    placement: Placement,
    deadlineMs: number,
    options: QuorumCallOptions,
  ): Promise<PutOutcome> {
    options.signal?.throwIfAborted();
    const required = requiredCopies(options.level ?? 'QUORUM', placement.ring);
    const giveUp = new AbortController();
    const onAbort = () => giveUp.abort(options.signal?.reason);
    options.signal?.addEventListener('abort', onAbort, { once: true });
    const failures: NodeFailure[] = [];
    const answer = Promise.withResolvers<void>();
    let achieved = 0;
    let pending = placement.nodeIds.length;
    const decide = () => {
      if (achieved >= required) answer.resolve();
      else if (pending === 0) answer.reject(insufficient(source, required, achieved, failures));
      else if (achieved + pending < required) giveUp.abort(hopeless(required));
    };
    const skipped = this.#skipped(placement, required);
    const writes = placement.nodeIds.map(async (nodeId) => {
      const failure = await this.#writeOne(nodeId, source, placement, deadlineMs, skipped, giveUp.signal);
      pending -= 1;
      this.tally.record(failure === undefined);
      if (failure === undefined) achieved += 1;
      else failures.push(failure);
      decide();
    });
    const settled = Promise.all(writes).then(() => {
      options.signal?.removeEventListener('abort', onAbort);
      return { succeeded: achieved, failures };
    });
    decide(); // A placement without nodes has no write to decide it.
    await answer.promise;
    // The caller has its answer; only the deadline ends the remaining writes from here on.
    options.signal?.removeEventListener('abort', onAbort);
    await this.#admitToBackground(settled);
    const degraded = failures.length > 0 || placement.nodeIds.length < placement.ring.replicationFactor;
    return { oid: source.oid, required, achieved, failures: [...failures], degraded, settled };
  }

  /** Nodes that are not called because they are DOWN; none when the others are too few. */
  #skipped({ topology, nodeIds }: Placement, required: number): ReadonlySet<string> {
    const down = nodeIds.filter((nodeId) => isDown(topology, nodeId));
    return new Set(nodeIds.length - down.length >= required ? down : []);
  }

  /** Writes to one node; a failure is a value, whatever the writer does. */
  async #writeOne(
    nodeId: string,
    source: BlobSource,
    { topology, ring }: Placement,
    deadlineMs: number,
    skipped: ReadonlySet<string>,
    signal: AbortSignal,
  ): Promise<NodeFailure | undefined> {
    const { clock, nodes } = this.#modules;
    const endpoint = topology.nodes.get(nodeId)?.address ?? 'unknown';
    const fence = { term: topology.term, ringEpoch: ring.epoch };
    try {
      const writer: NodeWriter | undefined = skipped.has(nodeId) ? undefined : nodes.writer(nodeId);
      if (writer === undefined) {
        const why = skipped.has(nodeId) ? 'is DOWN' : 'is not registered';
        throw new StratumError('UNREACHABLE', `${nodeId} ${why}`, { endpoint });
      }
      const timeoutMs = Math.max(1, deadlineMs - clock.monotonicMs());
      const put = (inner: AbortSignal) => writer.put(source, fence, { timeoutMs, signal: inner });
      await withDeadline(clock, `put to ${nodeId}`, timeoutMs, put, signal);
      return undefined;
    } catch (error) {
      return { nodeId, endpoint, attempt: 1, error: asStratumError(error) };
    }
  }

  async #admitToBackground(settled: Promise<unknown>): Promise<void> {
    if (this.#background >= this.#options.backgroundMax) {
      await settled;
      return;
    }
    this.#background += 1;
    void settled.then(() => {
      this.#background -= 1;
    });
  }

  #topologyThat(matches: (topology: Topology) => boolean, signal: AbortSignal): Promise<void> {
    const { topology } = this.#modules;
    return new Promise((resolve) => {
      const check = (next: Topology | undefined) => {
        if (next === undefined || !matches(next)) return;
        end();
      };
      const unsubscribe = topology.subscribe(check);
      const end = () => {
        unsubscribe();
        signal.removeEventListener('abort', end);
        resolve();
      };
      signal.addEventListener('abort', end, { once: true });
      check(topology.current());
    });
  }
}

/** What the nodes that refused an old fence would accept; undefined when none did. */
function staleFence(error: unknown): { term: bigint; ringEpoch: bigint } | undefined {
  if (!hasCode(error, 'INSUFFICIENT_REPLICAS')) return undefined;
  let found = false;
  const fence = { term: 0n, ringEpoch: 0n };
  for (const { error: cause } of error.details.nodes) {
    if (hasCode(cause, 'STALE_TERM') && cause.details.current >= fence.term) {
      fence.term = cause.details.current;
      found = true;
    }
    if (hasCode(cause, 'STALE_EPOCH') && cause.details.current >= fence.ringEpoch) {
      fence.ringEpoch = cause.details.current;
      found = true;
    }
  }
  return found ? fence : undefined;
}

function hopeless(required: number): StratumError {
  return new StratumError('CANCELLED', `given up: ${required} copies can no longer be reached`);
}

function insufficient(
  source: BlobSource,
  required: number,
  achieved: number,
  nodes: readonly NodeFailure[],
): StratumError {
  const reasons = nodes.map(({ nodeId, error }) => `${nodeId}: ${error.message}`).join('; ');
  const message = `blob ${source.oid} has ${achieved} of ${required} required copies: ${reasons}`;
  return new StratumError(
    'INSUFFICIENT_REPLICAS',
    message,
    { required, achieved, nodes },
    {
      hint: 'stratum topology show tells which object nodes are there; the write can be repeated',
    },
  );
}
