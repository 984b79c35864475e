import { LRUCache } from 'lru-cache';
import { StratumError } from '../../base/errors.ts';
import type { MetadataApi } from '../../client/metadata-api.ts';
import { type RefSnapshot, sortRefs } from '../../git/ref-snapshot.ts';
import type { Repo } from '../../rpc/gen/stratum/v1/metadata.ts';
import { JoinedCalls } from './joined-calls.ts';
import { formatFromWire } from './object-format.ts';

/** A repository and its refs at one moment. */
export interface RepositoryRefs {
  readonly repo: Repo;
  readonly snapshot: RefSnapshot;
}

/** Bounds of the cached refs. */
export interface RefReaderOptions {
  /** Refs kept in memory over all repositories, about 200 bytes each. */
  readonly cachedRefsMax: number;
  /** Milliseconds for one read. */
  readonly timeoutMs: number;
}

/**
 * Reads refs from the metadata primary. Every read asks it, so that reads stay linearizable; the
 * refs themselves cross the wire only when their generation has changed.
 */
export class RefReader {
  readonly #options: RefReaderOptions;
  readonly #metadata: MetadataApi;
  readonly #cache: LRUCache<string, RepositoryRefs>;
  readonly #reads = new JoinedCalls<RepositoryRefs>((repo) => this.#read(repo));

  constructor(options: RefReaderOptions, modules: { readonly metadata: MetadataApi }) {
    this.#options = options;
    this.#metadata = modules.metadata;
    this.#cache = new LRUCache({
      maxSize: options.cachedRefsMax,
      sizeCalculation: ({ snapshot }) => snapshot.refs.length + 1,
    });
  }

  /** The refs as they are at some moment after this call began; REPO_NOT_FOUND when there is no such repository. */
  read(repo: string, signal?: AbortSignal): Promise<RepositoryRefs> {
    return this.#reads.run(repo, signal);
  }

  async #read(name: string): Promise<RepositoryRefs> {
    const known = this.#cache.get(name);
    const { timeoutMs } = this.#options;
    const request = {
      repo: name,
      prefixes: [],
      ifRepoId: known?.repo.id ?? '',
      ifGenerationNot: known?.repo.refsGeneration ?? 0n,
    };
    const answer = await this.#metadata.getRefs(request, { timeoutMs });
    if (answer.notModified && known !== undefined) {
      // The pack list may have changed under the same refs.
      return answer.repo === undefined ? known : this.#keep(name, { repo: answer.repo, snapshot: known.snapshot });
    }
    const { repo } = answer;
    if (repo === undefined) throw new StratumError('INTERNAL', `the refs of ${name} came without their repository`);
    const refs = sortRefs(answer.refs);
    return this.#keep(name, {
      repo,
      snapshot: { objectFormat: formatFromWire(repo.objectFormat), head: repo.head, refs },
    });
  }

  #keep(name: string, refs: RepositoryRefs): RepositoryRefs {
    this.#cache.set(name, refs);
    return refs;
  }
}
