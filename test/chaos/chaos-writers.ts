import { setTimeout as sleep } from 'node:timers/promises';
import { asStratumError, StratumError } from '../../src/base/errors.ts';
import type { Oid } from '../../src/base/oid.ts';
import { KiB } from '../../src/base/units.ts';
import { MemoryBlobSource } from '../../src/replication/memory-blob-source.ts';
import type { ObjectApi, PutManyFate, SmallObjectApi } from '../../src/replication/object-api.ts';
import type { SimRandom } from '../sim/sim-random.ts';
import { type ChaosBlob, contentOf, newBlob, type WriteKind } from './chaos-blob.ts';

/** Every call is to end by then; checked with what an event loop may be late by. */
const callTimeoutMs = 5_000;
const graceMs = 1_000;

const batchBlobs = 32;
const smallBytesMax = 4 * KiB;
const largeBytesMin = 128 * KiB;
const largeBytesMax = 1_024 * KiB;

/** Writers of each kind, and the pause of each after a call: together some megabytes a second, so that a run fits on a disk. */
const writers: Readonly<Record<WriteKind, { readonly count: number; readonly pauseMs: number }>> = {
  batched: { count: 2, pauseMs: 120 },
  single: { count: 4, pauseMs: 20 },
  large: { count: 2, pauseMs: 200 },
};

/** Never stop writing until told to, and remember what they were told. */
export class ChaosWriters {
  /** Every blob that was ever sent. */
  readonly blobs: Map<Oid, ChaosBlob>;
  /** What must not have happened. */
  readonly violations: string[] = [];
  /** Refused writes by their code. */
  readonly failures = new Map<string, number>();
  readonly #objects: ObjectApi & SmallObjectApi;
  readonly #random: SimRandom;
  readonly #stopped = new AbortController();
  #number = 0;
  #running: Promise<unknown> = Promise.resolve();

  constructor(modules: {
    readonly objects: ObjectApi & SmallObjectApi;
    readonly random: SimRandom;
    /** Filled before a blob is sent. */
    readonly blobs: Map<Oid, ChaosBlob>;
  }) {
    this.#objects = modules.objects;
    this.#random = modules.random;
    this.blobs = modules.blobs;
  }

  start(): void {
    const jobs = { batched: () => this.#putBatch(), single: () => this.#putSmall(), large: () => this.#putLarge() };
    const loops = (['batched', 'single', 'large'] as const).flatMap((kind) => {
      const { count, pauseMs } = writers[kind];
      return Array.from({ length: count }, () => this.#repeat(jobs[kind], pauseMs));
    });
    this.#running = Promise.all(loops);
  }

  /** Resolves when the last calls, and what they left in the background, have ended. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#running;
  }

  async #repeat(job: () => Promise<void>, pauseMs: number): Promise<void> {
    while (!this.#stopped.signal.aborted) {
      const beganMs = performance.now();
      await job();
      const tookMs = performance.now() - beganMs;
      if (tookMs > callTimeoutMs + graceMs) this.violations.push(`a call with ${callTimeoutMs} ms took ${tookMs} ms`);
      await sleep(this.#random.between(0, 2 * pauseMs));
    }
  }

  #new(kind: WriteKind, bytesMin: number, bytesMax: number): { readonly blob: ChaosBlob; readonly content: Buffer } {
    this.#number += 1;
    const content = contentOf(this.#number, this.#random.integer(bytesMin, bytesMax));
    const blob = newBlob(kind, content);
    this.blobs.set(blob.oid, blob);
    return { blob, content };
  }

  #putSmall(): Promise<void> {
    return this.#putOne('single', 4, smallBytesMax);
  }

  #putLarge(): Promise<void> {
    return this.#putOne('large', largeBytesMin, largeBytesMax);
  }

  async #putOne(kind: WriteKind, bytesMin: number, bytesMax: number): Promise<void> {
    const { blob, content } = this.#new(kind, bytesMin, bytesMax);
    const put = this.#objects.put(new MemoryBlobSource(content), { timeoutMs: callTimeoutMs });
    const outcome = await put.catch((error: unknown) => this.#fail(error));
    if (outcome === undefined) return;
    this.#acknowledge(blob, outcome);
    const { succeeded, failures } = await outcome.settled;
    if (blob.holders.size !== succeeded) {
      const nodes = failures.map(({ nodeId }) => nodeId).join();
      this.violations.push(`${blob.oid}: settled with ${succeeded}, held by ${[...blob.holders]}, failed at ${nodes}`);
    }
  }

  async #putBatch(): Promise<void> {
    const made = Array.from({ length: batchBlobs }, () => this.#new('batched', 4, smallBytesMax));
    const small = made.map(({ blob, content }) => ({ oid: blob.oid, content }));
    const put = this.#objects.putMany(small, { timeoutMs: callTimeoutMs });
    const outcome = await put.catch((error: unknown) => this.#fail(error));
    if (outcome === undefined) return;
    for (const [index, { blob }] of made.entries()) {
      const fate = outcome.fates[index];
      if (fate === undefined || fate instanceof StratumError) this.#fail(fate);
      else this.#acknowledge(blob, fate);
    }
    await outcome.settled;
  }

  /** The writer says that enough nodes have it: they must have said so themselves before. */
  #acknowledge(blob: ChaosBlob, { required, achieved }: Pick<PutManyFate, 'required' | 'achieved'>): void {
    blob.isAcknowledged = true;
    if (required === 2 && achieved >= required && blob.holders.size >= required) return;
    this.violations.push(`${blob.oid}: acknowledged with ${achieved} of ${required}, held by ${[...blob.holders]}`);
  }

  #fail(reason: unknown): undefined {
    if (!(reason instanceof StratumError)) this.violations.push(`a put ended with ${String(reason)}`);
    const { code } = asStratumError(reason);
    this.failures.set(code, (this.failures.get(code) ?? 0) + 1);
    return undefined;
  }
}
