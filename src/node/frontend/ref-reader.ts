import { LRUCache } from 'lru-cache';
import type { Clock } from '../../base/clock.ts';
import { hasCode, StratumError } from '../../base/errors.ts';
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

/** What refs are read with. */
export interface RefReaderModules {
  readonly clock: Clock;
  readonly metadata: MetadataApi;
}

/** Refs and when the primary was asked whether they are the newest. */
interface ConfirmedRefs {
  readonly refs: RepositoryRefs;
  readonly askedAtMs: number;
}

/** A client that fetches objects by their ids has listed the refs a moment before. */
const recentMs = 1_000;

/**
 * Reads refs from the metadata primary. Every read asks it, so that reads stay linearizable; the
 * refs themselves cross the wire only when their generation has changed.
 */
export class RefReader {
  readonly #options: RefReaderOptions;
  readonly #modules: RefReaderModules;
  readonly #cache: LRUCache<string, ConfirmedRefs>;
  readonly #reads = new JoinedCalls<RepositoryRefs>((repo) => this.#read(repo));

  constructor(options: RefReaderOptions, modules: RefReaderModules) {
    this.#options = options;
    this.#modules = modules;
    this.#cache = new LRUCache({
      maxSize: options.cachedRefsMax,
      sizeCalculation: ({ refs }) => refs.snapshot.refs.length + 1,
    });
  }

  /** The refs as they are at some moment after this call began; REPO_NOT_FOUND when there is no such repository. */
  read(repo: string, signal?: AbortSignal): Promise<RepositoryRefs> {
    return this.#reads.run(repo, signal);
  }

  /**
   * The refs as they were at most a second ago: enough for who asks for objects by their ids and not for refs, whose
   * answer is the same whichever refs lead to them. It saves a question to the primary for each of a hundred equal
   * clones; a deleted repository may be cloned for a second longer.
   */
  async recent(repo: string, signal?: AbortSignal): Promise<RepositoryRefs> {
    const known = this.#cache.get(repo);
    const isRecent = known !== undefined && this.#modules.clock.monotonicMs() - known.askedAtMs <= recentMs;
    return isRecent ? known.refs : await this.read(repo, signal);
  }

  /** The refs were changed by way of this frontend: what was read before is not recent any more. */
  expire(repo: string): void {
    const known = this.#cache.peek(repo);
    if (known !== undefined) this.#cache.set(repo, { ...known, askedAtMs: Number.NEGATIVE_INFINITY });
  }

  async #read(name: string): Promise<RepositoryRefs> {
    const askedAtMs = this.#modules.clock.monotonicMs();
    const known = this.#cache.get(name)?.refs;
    const request = {
      repo: name,
      prefixes: [],
      ifRepoId: known?.repo.id ?? '',
      ifGenerationNot: known?.repo.refsGeneration ?? 0n,
    };
    const answer = await this.#ask(name, request);
    if (answer.notModified && known !== undefined) {
      // The pack list may have changed under the same refs.
      return this.#keep(name, { repo: answer.repo ?? known.repo, snapshot: known.snapshot }, askedAtMs);
    }
    const { repo } = answer;
    if (repo === undefined) throw new StratumError('INTERNAL', `the refs of ${name} came without their repository`);
    const refs = sortRefs(answer.refs);
    const snapshot = { objectFormat: formatFromWire(repo.objectFormat), head: repo.head, refs };
    return this.#keep(name, { repo, snapshot }, askedAtMs);
  }

  async #ask(name: string, request: Parameters<MetadataApi['getRefs']>[0]): ReturnType<MetadataApi['getRefs']> {
    try {
      return await this.#modules.metadata.getRefs(request, { timeoutMs: this.#options.timeoutMs });
    } catch (error) {
      if (hasCode(error, 'REPO_NOT_FOUND')) this.#cache.delete(name);
      throw error;
    }
  }

  #keep(name: string, refs: RepositoryRefs, askedAtMs: number): RepositoryRefs {
    this.#cache.set(name, { refs, askedAtMs });
    return refs;
  }
}
