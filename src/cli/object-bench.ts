import type { Clock } from '../base/clock.ts';
import { asStratumError, StratumError } from '../base/errors.ts';
import { type Oid, oidOf } from '../base/oid.ts';
import type { Random } from '../base/random.ts';
import { MemoryBlobSource } from '../replication/memory-blob-source.ts';
import type { ConsistencyLevel, ObjectApi, SmallObjectApi } from '../replication/object-api.ts';
import type { SmallBlob } from '../store/blob-store.ts';

/** What a benchmark of blobs does. */
export interface ObjectBenchOptions {
  /** How many blobs. */
  readonly count: number;
  /** Bytes of each. */
  readonly blobBytes: number;
  /** Blobs in one call; 1 is a call for each. */
  readonly perCall: number;
  /** Calls at once. */
  readonly callers: number;
  readonly level: ConsistencyLevel;
  /** Milliseconds of each call. */
  readonly timeoutMs: number;
  /** Lets no further call begin, and ends the measurement when those have ended that have begun. */
  readonly signal: AbortSignal;
  /** Breaks writes off that have begun: a node may then store what was given up here. */
  readonly abandoned?: AbortSignal | undefined;
}

/** What a benchmark works with. */
export interface ObjectBenchModules {
  readonly objects: ObjectApi & SmallObjectApi;
  readonly clock: Clock;
  readonly random: Random;
}

/** What one phase came to. */
export interface BenchPhase {
  readonly phase: 'put' | 'get' | 'delete';
  /** Blobs that went well. */
  readonly blobs: number;
  readonly failed: number;
  readonly bytes: number;
  readonly elapsedMs: number;
  readonly blobsPerSecond: number;
  readonly bytesPerSecond: number;
  /** Of one call. */
  readonly latencyP50Ms: number;
  readonly latencyP99Ms: number;
  readonly latencyMaxMs: number;
  /** The first failure. */
  readonly error: string;
}

/** Random bytes that no other run has: enough that nobody else's blob is ever meant. */
const prefixBytes = 16;

/** Blobs that no cluster has seen before, made one after another and never kept: the ids are. */
export class BenchBlobs {
  readonly oids: Oid[] = [];
  readonly #settling = new Set<Promise<unknown>>();
  readonly #blobBytes: number;
  readonly #prefix: Buffer;
  #made = 0;

  constructor(options: { readonly blobBytes: number }, modules: { readonly random: Random }) {
    this.#blobBytes = options.blobBytes;
    this.#prefix = modules.random.bytes(prefixBytes);
  }

  /** The next ones. */
  take(count: number): SmallBlob[] {
    return Array.from({ length: count }, () => {
      const content = Buffer.alloc(this.#blobBytes, `${this.#prefix.toString('hex')}-${this.#made}-`);
      this.#made += 1;
      const oid = oidOf(content);
      this.oids.push(oid);
      return { oid, content };
    });
  }

  /** Remembers writes that go on in the background. */
  watch(settled: Promise<unknown>): void {
    const watched = settled.finally(() => this.#settling.delete(watched));
    this.#settling.add(watched);
  }

  /** Resolves when nothing is on its way to a node any more: what came later would outlive its deletion. */
  async settled(): Promise<void> {
    await Promise.all(this.#settling);
  }
}

/** Stores fresh blobs. */
export function benchPut(blobs: BenchBlobs, options: ObjectBenchOptions, modules: ObjectBenchModules) {
  const { level, timeoutMs, blobBytes } = options;
  const { objects } = modules;
  const call = { level, timeoutMs, ...(options.abandoned === undefined ? {} : { signal: options.abandoned }) };
  return measure('put', options, modules, async (count) => {
    const taken = blobs.take(count);
    if (options.perCall > 1) {
      const { fates, settled } = await objects.putMany(taken, call);
      blobs.watch(settled);
      return fates.map((fate) => (fate instanceof StratumError ? fate : blobBytes));
    }
    for (const { content } of taken) {
      const { settled } = await objects.put(new MemoryBlobSource(content), call);
      blobs.watch(settled);
    }
    return taken.map(() => blobBytes);
  });
}

/** Reads them back, verified. */
export function benchGet(oids: readonly Oid[], options: ObjectBenchOptions, modules: ObjectBenchModules) {
  const { level, timeoutMs, signal } = options;
  const { objects } = modules;
  let asked = 0;
  return measure('get', options, modules, async (count) => {
    const part = oids.slice(asked, asked + count);
    asked += count;
    if (options.perCall > 1) {
      const contents = await objects.getMany(part, { level, timeoutMs, signal });
      return contents.map((content) => (content instanceof StratumError ? content : content.length));
    }
    const sizes: number[] = [];
    for (const oid of part) {
      let bytes = 0;
      const { chunks } = await objects.get(oid, undefined, { level, timeoutMs, signal });
      for await (const chunk of chunks) bytes += chunk.length;
      sizes.push(bytes);
    }
    return sizes;
  });
}

/** Takes the blobs away again. */
export function benchDelete(
  oids: readonly Oid[],
  options: ObjectBenchOptions,
  modules: { readonly clock: Clock; readonly remove: (oids: readonly Oid[]) => Promise<void> },
) {
  let asked = 0;
  return measure('delete', options, modules, async (count) => {
    const part = oids.slice(asked, asked + count);
    asked += count;
    await modules.remove(part);
    return part.map(() => options.blobBytes);
  });
}

/** Runs `call` on so many blobs after another by all callers; it gives the bytes of each blob, or its error. */
async function measure(
  phase: BenchPhase['phase'],
  { count, perCall, callers, signal }: ObjectBenchOptions,
  { clock }: { readonly clock: Clock },
  call: (count: number) => Promise<readonly (number | StratumError)[]>,
): Promise<BenchPhase> {
  const latenciesMs: number[] = [];
  let [left, blobs, failed, bytes] = [count, 0, 0, 0];
  let error = '';
  const fail = (failures: number, reason: StratumError) => {
    failed += failures;
    if (error === '') error = reason.message;
  };
  const beganMs = clock.monotonicMs();
  const caller = async () => {
    while (left > 0 && !signal.aborted) {
      const share = Math.min(perCall, left);
      left -= share;
      const calledMs = clock.monotonicMs();
      try {
        for (const fate of await call(share)) {
          if (typeof fate === 'number') {
            blobs += 1;
            bytes += fate;
          } else fail(1, fate);
        }
      } catch (reason) {
        // What a signal broke off is no failure of the cluster.
        if (!signal.aborted) fail(share, asStratumError(reason));
      }
      latenciesMs.push(clock.monotonicMs() - calledMs);
    }
  };
  await Promise.all(Array.from({ length: callers }, caller));
  const elapsedMs = clock.monotonicMs() - beganMs;
  const perSecond = (amount: number) => (elapsedMs === 0 ? 0 : Math.round((amount * 1_000) / elapsedMs));
  latenciesMs.sort((a, b) => a - b);
  const quantile = (q: number) =>
    toMicroseconds(latenciesMs[Math.min(latenciesMs.length - 1, Math.floor(latenciesMs.length * q))] ?? 0);
  return {
    phase,
    blobs,
    failed,
    bytes,
    elapsedMs: Math.round(elapsedMs),
    blobsPerSecond: perSecond(blobs),
    bytesPerSecond: perSecond(bytes),
    latencyP50Ms: quantile(0.5),
    latencyP99Ms: quantile(0.99),
    latencyMaxMs: quantile(1),
    error,
  };
}

/** Milliseconds without digits that no clock has. */
function toMicroseconds(durationMs: number): number {
  return Math.round(durationMs * 1_000) / 1_000;
}
