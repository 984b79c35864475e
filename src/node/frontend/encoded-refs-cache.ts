import { LRUCache } from 'lru-cache';
import { EncodedRefs, type RefLineShape, type RefLines } from '../../git/encoded-refs.ts';
import type { RepositoryRefs } from './ref-reader.ts';

/** Bounds of the cache. */
export interface EncodedRefsCacheOptions {
  /** What all encodings may take in memory together. */
  readonly bytesMax: number;
}

/** One encoding and the generation of the refs that it shows. */
interface Entry {
  readonly generation: bigint;
  readonly encoded: EncodedRefs;
}

/**
 * Refs as the bytes that clients are sent, kept by repository and shape for the generation that was
 * asked for last. What is larger than the whole cache is encoded for each request.
 */
export class EncodedRefsCache {
  readonly #entries: LRUCache<string, Entry>;

  constructor({ bytesMax }: EncodedRefsCacheOptions) {
    this.#entries = new LRUCache({ maxSize: bytesMax, sizeCalculation: ({ encoded }) => encoded.byteLength });
  }

  /** The lines of a repository's refs. */
  linesOf(refs: RepositoryRefs): RefLines {
    return (shape) => this.#get(refs, shape);
  }

  #get({ repo, snapshot }: RepositoryRefs, shape: RefLineShape): EncodedRefs {
    const key = `${repo.id} ${shape}`;
    const kept = this.#entries.get(key);
    if (kept?.generation === repo.refsGeneration) return kept.encoded;
    const encoded = EncodedRefs.encode(snapshot.refs, shape);
    this.#entries.set(key, { generation: repo.refsGeneration, encoded });
    return encoded;
  }
}
