import { LRUCache } from 'lru-cache';
import type { Clock } from '../../base/clock.ts';
import { explain, hasCode } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { Random } from '../../base/random.ts';
import type { TopologySource } from '../../topology/topology.ts';
import { FlightLimit } from '../flight-limit.ts';
import { AskJudge } from './ask-judge.ts';
import type { CacheNode } from './cache-node.ts';
import { type AskedNode, CacheNodes } from './cache-nodes.ts';
import { HttpCacheNode } from './http-cache-node.ts';
import type { SharedCache, SharedCacheCounters, SharedContent, SharedEntry, SharedPutOptions } from './shared-cache.ts';
import { timedChunks } from './timed-chunks.ts';

/** Values of the shared cache; each has a default. */
export interface RingSharedCacheOptions {
  /** How long a question waits for an entry to begin, in milliseconds, whichever nodes it goes to; 200 unless given. */
  readonly firstByteTimeoutMs?: number;
  /** How long the reader of an entry waits for the next bytes, in milliseconds; 10 s unless given: nothing can take its place then. */
  readonly idleTimeoutMs?: number;
}

/** What the shared cache needs. */
export interface RingSharedCacheModules {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly topology: TopologySource;
  /** The object node of this process, if it has one: reached without the network. */
  readonly local?: { readonly nodeId: string; readonly node: CacheNode } | undefined;
  /** Where a request that is made now belongs in a trace. */
  readonly traceparent?: (() => string | undefined) | undefined;
  /** Makes the client of the node at an endpoint; over HTTP unless given. */
  readonly connect?: ((endpoint: string) => CacheNode) | undefined;
}

const firstByteTimeoutDefaultMs = 200;
const idleTimeoutDefaultMs = 10_000;

/** Entries that are brought to nodes at once, and how many wait: nobody waits for them, and they must not be in anyone's way. */
const putsMax = 2;
const waitingPutsMax = 32;

/** What an entry may take to be brought to a node, in milliseconds: some time, and what its bytes take at 1 MB/s. */
const putTimeoutMinMs = 10_000;
const putBytesOfMs = 1_000;

/** Keys whose entry was damaged on a node: they are not asked for again for a while, or each reader would meet it. */
const damagedKeysMax = 1_000;
const damagedForMs = 600_000;

/**
 * The shared cache on the object nodes. An entry goes to one node, the first of its key's placement that can be
 * reached; that one is asked for it, then the second. A node that does not answer is left alone for a while.
 */
export class RingSharedCache implements SharedCache {
  readonly #firstByteTimeoutMs: number;
  readonly #modules: RingSharedCacheModules;
  readonly #nodes: CacheNodes;
  readonly #judge = new AskJudge();
  readonly #puts = new FlightLimit({
    countMax: putsMax,
    bytesMax: Number.POSITIVE_INFINITY,
    waitingMax: waitingPutsMax,
  });
  /** Until when, by the monotonic clock. */
  readonly #damaged = new LRUCache<string, number>({ max: damagedKeysMax });
  readonly #counters = {
    ...{ hits: 0, misses: 0, failures: 0, notAsked: 0, receivedBytes: 0 },
    ...{ putsKept: 0, putsRefused: 0, putsFailed: 0, putsDropped: 0, sentBytes: 0 },
  };

  constructor(options: RingSharedCacheOptions, modules: RingSharedCacheModules) {
    const idleTimeoutMs = options.idleTimeoutMs ?? idleTimeoutDefaultMs;
    this.#firstByteTimeoutMs = options.firstByteTimeoutMs ?? firstByteTimeoutDefaultMs;
    this.#modules = modules;
    const overHttp = (endpoint: string) => new HttpCacheNode({ endpoint, idleTimeoutMs }, modules);
    this.#nodes = new CacheNodes({ ...modules, connect: modules.connect ?? overHttp });
  }

  get counters(): SharedCacheCounters {
    return { ...this.#counters };
  }

  noteComputed(ms: number, bytes: number): void {
    this.#judge.noteComputed(ms, bytes);
  }

  async get(key: string, signal: AbortSignal): Promise<SharedEntry | undefined> {
    signal.throwIfAborted();
    const nodes = this.#isDamaged(key) ? [] : this.#nodes.of(key);
    if (nodes.length === 0 || !this.#judge.shouldAsk()) {
      this.#counters.notAsked += 1;
      return undefined;
    }
    const startMs = this.#modules.clock.monotonicMs();
    const found = await this.#ask(nodes, key, startMs, signal);
    const headMs = this.#modules.clock.monotonicMs() - startMs;
    if (typeof found === 'object') return this.#observed(key, found, { headMs, signal });
    this.#judge.noteMiss(headMs);
    this.#counters[found] += 1;
    return undefined;
  }

  async put(key: string, content: SharedContent, options: SharedPutOptions, signal: AbortSignal): Promise<boolean> {
    const { sizeBytes } = content;
    if (!(await this.#puts.enter(sizeBytes, signal))) {
      this.#counters.putsDropped += 1;
      return false;
    }
    try {
      const outcome = await this.#bring(key, content, options, signal);
      this.#counters[outcome] += 1;
      if (outcome === 'putsKept') this.#counters.sentBytes += sizeBytes;
      return outcome === 'putsKept';
    } finally {
      this.#puts.leave(sizeBytes);
    }
  }

  /** Closes the connections; calls in flight fail. */
  close(): void {
    this.#nodes.close();
  }

  /** The entry of the first node that has it, within the one time limit. */
  async #ask(
    nodes: readonly AskedNode[],
    key: string,
    startMs: number,
    signal: AbortSignal,
  ): Promise<{ readonly asked: AskedNode; readonly entry: SharedEntry } | 'misses' | 'failures'> {
    let result: 'misses' | 'failures' = 'misses';
    for (const asked of nodes) {
      const timeoutMs = startMs + this.#firstByteTimeoutMs - this.#modules.clock.monotonicMs();
      if (timeoutMs <= 0) break;
      asked.pause.begin();
      try {
        const entry = await asked.node.get(key, { timeoutMs, signal });
        asked.pause.answered();
        if (entry !== undefined) return { asked, entry };
      } catch (error) {
        this.#noteFailure(asked, error, signal);
        signal.throwIfAborted();
        result = 'failures';
      }
    }
    return result;
  }

  /** The entry, of whose end the judge is told; only what was waited for its bytes counts, not what their reader took. */
  #observed(
    key: string,
    { asked, entry }: { readonly asked: AskedNode; readonly entry: SharedEntry },
    { headMs, signal }: { readonly headMs: number; readonly signal: AbortSignal },
  ): SharedEntry {
    const { sizeBytes } = entry;
    const chunks = timedChunks(entry.chunks, this.#modules.clock, ({ bytes, waitedMs, failure }) => {
      this.#counters.receivedBytes += bytes;
      if (failure === undefined || signal.aborted) {
        this.#counters.hits += 1;
        if (bytes === sizeBytes) this.#judge.noteHit({ headMs, bodyMs: waitedMs, bytes });
        return; // A reader who left says nothing of what the entry took.
      }
      this.#counters.failures += 1;
      this.#judge.noteMiss(headMs + waitedMs);
      if (hasCode(failure.error, 'CHECKSUM_MISMATCH')) this.#noteDamaged(key, failure.error);
      else if (isOfNode(failure.error)) asked.pause.failed();
    });
    return { sizeBytes, chunks };
  }

  async #bring(
    key: string,
    content: SharedContent,
    options: SharedPutOptions,
    signal: AbortSignal,
  ): Promise<'putsKept' | 'putsRefused' | 'putsFailed'> {
    const timeoutMs = putTimeoutMinMs + content.sizeBytes / putBytesOfMs;
    for (const asked of this.#nodes.of(key)) {
      if (signal.aborted) break;
      asked.pause.begin();
      try {
        const isKept = await asked.node.put(key, content, options, { timeoutMs, signal });
        asked.pause.answered();
        return isKept ? 'putsKept' : 'putsRefused';
      } catch (error) {
        this.#noteFailure(asked, error, signal);
        this.#modules.log.debug({ key, error: explain(error) }, 'an entry could not be shared');
        if (!isOfNode(error)) break; // The next node would fare no better with it.
      }
    }
    return 'putsFailed';
  }

  #noteFailure({ pause }: AskedNode, error: unknown, signal: AbortSignal): void {
    if (signal.aborted) pause.ended();
    else if (isOfNode(error)) pause.failed();
    else pause.answered();
  }

  #isDamaged(key: string): boolean {
    return (this.#damaged.get(key) ?? Number.NEGATIVE_INFINITY) > this.#modules.clock.monotonicMs();
  }

  #noteDamaged(key: string, error: unknown): void {
    const { clock, log } = this.#modules;
    this.#damaged.set(key, clock.monotonicMs() + damagedForMs);
    log.warn({ key, error: explain(error) }, 'a shared entry is damaged');
  }
}

/** Whether a failure is one of the node, or of the way to it, and not of the entry. */
function isOfNode(error: unknown): boolean {
  return (
    hasCode(error, 'UNREACHABLE') ||
    hasCode(error, 'DEADLINE_EXCEEDED') ||
    hasCode(error, 'OVERLOADED') ||
    hasCode(error, 'SHUTTING_DOWN') ||
    hasCode(error, 'DATA_CORRUPT')
  );
}
