import { asStratumError, StratumError } from '../base/errors.ts';
import type { Oid } from '../base/oid.ts';
import type { BlobSource } from '../replication/blob-source.ts';
import type { BlobStream, ByteRange } from '../replication/node-io.ts';
import { observedChunks } from '../replication/nodes/observed-chunks.ts';
import type {
  ObjectApi,
  PutManyOutcome,
  PutOutcome,
  QuorumCallOptions,
  SmallObjectApi,
} from '../replication/object-api.ts';
import type { SmallBlob } from '../store/blob-store.ts';
import type { Metrics } from '../telemetry/metrics.ts';

/** The replicated blob store, with what became of each write and read counted. */
export class MeteredObjects implements ObjectApi, SmallObjectApi {
  readonly #inner: ObjectApi & SmallObjectApi;
  readonly #metrics: Metrics;

  constructor(modules: { readonly inner: ObjectApi & SmallObjectApi; readonly metrics: Metrics }) {
    this.#inner = modules.inner;
    this.#metrics = modules.metrics;
  }

  async put(source: BlobSource, options?: QuorumCallOptions): Promise<PutOutcome> {
    try {
      const outcome = await this.#inner.put(source, options);
      this.#wrote(options, outcome.degraded ? 'degraded' : 'ok', 1);
      return outcome;
    } catch (error) {
      this.#wrote(options, 'failed', 1);
      throw error;
    }
  }

  async get(oid: Oid, range?: ByteRange, options?: QuorumCallOptions): Promise<BlobStream> {
    try {
      const { size, chunks } = await this.#inner.get(oid, range, options);
      const wantedBytes = wantedOf(size, range);
      const ended = (bytes: number, failure?: { readonly error: unknown }) => {
        if (failure !== undefined) this.#failedToRead(failure.error);
        else this.#read(bytes < wantedBytes ? 'CANCELLED' : 'OK', 1);
      };
      return { size, chunks: observedChunks(chunks, ended) };
    } catch (error) {
      this.#failedToRead(error);
      throw error;
    }
  }

  async putMany(blobs: readonly SmallBlob[], options?: QuorumCallOptions): Promise<PutManyOutcome> {
    try {
      const outcome = await this.#inner.putMany(blobs, options);
      const counts = { ok: 0, degraded: 0, failed: 0 };
      for (const fate of outcome.fates) {
        if (fate instanceof StratumError) counts.failed += 1;
        else counts[fate.degraded ? 'degraded' : 'ok'] += 1;
      }
      for (const result of ['ok', 'degraded', 'failed'] as const) this.#wrote(options, result, counts[result]);
      return outcome;
    } catch (error) {
      this.#wrote(options, 'failed', blobs.length);
      throw error;
    }
  }

  async getMany(oids: readonly Oid[], options?: QuorumCallOptions): Promise<readonly (Buffer | StratumError)[]> {
    try {
      const answers = await this.#inner.getMany(oids, options);
      const counts = new Map<string, number>();
      for (const answer of answers) {
        const result = answer instanceof StratumError ? answer.code : 'OK';
        counts.set(result, (counts.get(result) ?? 0) + 1);
      }
      for (const [result, count] of counts) this.#read(result, count);
      return answers;
    } catch (error) {
      this.#read(asStratumError(error).code, oids.length);
      throw error;
    }
  }

  #wrote(options: QuorumCallOptions | undefined, result: 'ok' | 'degraded' | 'failed', count: number): void {
    if (count === 0) return;
    this.#metrics.increment('stratum_quorum_writes_total', { level: options?.level ?? 'QUORUM', result }, count);
  }

  #read(result: string, count: number): void {
    this.#metrics.increment('stratum_quorum_reads_total', { result }, count);
  }

  #failedToRead(error: unknown): void {
    this.#read(asStratumError(error).code, 1);
  }
}

/** Bytes that a reader who stays to the end gets. */
function wantedOf(size: number, range: ByteRange | undefined): number {
  const rest = Math.max(0, size - (range?.offset ?? 0));
  return Math.min(rest, range?.length ?? rest);
}
