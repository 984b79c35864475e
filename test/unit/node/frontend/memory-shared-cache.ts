import type {
  SharedCache,
  SharedCacheCounters,
  SharedContent,
  SharedEntry,
} from '../../../../src/replication/shared-cache/shared-cache.ts';

/** A shared cache in memory; frontends of one test share one. */
export class MemorySharedCache implements SharedCache {
  readonly entries = new Map<string, Buffer>();
  /** Keys that were asked for, in order. */
  readonly asked: string[] = [];
  /** How long responses took to be computed. */
  readonly computedMs: number[] = [];
  /** Thrown by the next questions, or in the middle of their content. */
  failure: { readonly error: Error; readonly afterBytes?: number } | undefined;
  #hits = 0;
  #misses = 0;

  async get(key: string): Promise<SharedEntry | undefined> {
    this.asked.push(key);
    const { failure } = this;
    if (failure !== undefined && failure.afterBytes === undefined) throw failure.error;
    const content = this.entries.get(key);
    if (content === undefined) {
      this.#misses += 1;
      return undefined;
    }
    this.#hits += 1;
    return { sizeBytes: content.length, chunks: chunksOf(content, failure) };
  }

  async put(key: string, content: SharedContent): Promise<boolean> {
    const chunks: Buffer[] = [];
    for await (const chunk of content.read()) chunks.push(chunk);
    this.entries.set(key, Buffer.concat(chunks));
    return true;
  }

  noteComputed(ms: number): void {
    this.computedMs.push(ms);
  }

  get counters(): SharedCacheCounters {
    return {
      hits: this.#hits,
      misses: this.#misses,
      ...{ failures: 0, notAsked: 0, receivedBytes: 0 },
      ...{ putsKept: this.entries.size, putsRefused: 0, putsFailed: 0, putsDropped: 0, sentBytes: 0 },
    };
  }
}

async function* chunksOf(content: Buffer, failure: MemorySharedCache['failure']): AsyncGenerator<Buffer> {
  yield content.subarray(0, failure?.afterBytes ?? content.length);
  if (failure !== undefined) throw failure.error;
}
