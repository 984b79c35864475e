import { LRUCache } from 'lru-cache';
import { hasCode, type StratumError } from '../base/errors.ts';

/** Renamed repositories whose partition a process remembers; one that is forgotten costs one more call. */
const homesMax = 10_000;

/** How often one call is sent on: a name can change its partition while it is looked for, but not for ever. */
const movesMax = 4;

/** The partitions of repositories that are not where their names lead, because they were renamed. */
export class RepoHomes {
  readonly #homes = new LRUCache<string, number>({ max: homesMax });

  of(name: string): number | undefined {
    return this.#homes.get(name);
  }

  set(name: string, partition: number): void {
    this.#homes.set(name, partition);
  }

  forget(name: string): void {
    this.#homes.delete(name);
  }
}

/**
 * The way of one call to its repository: to the partition that its name is known to be in, or that the name leads to;
 * from there on to where REPO_MOVED sends it. Where the repository is not there either, what was known is
 * forgotten and the name's own partition asked, once: it may have been renamed, deleted and made again meanwhile.
 */
export class RepoLookup {
  readonly #name: string;
  readonly #homes: RepoHomes;
  #home: number | undefined;
  #moves = 0;
  #hasReturned = false;

  constructor(
    options: { readonly name: string; readonly home: number | undefined },
    modules: { readonly homes: RepoHomes },
  ) {
    this.#name = options.name;
    this.#homes = modules.homes;
    this.#home = options.home ?? modules.homes.of(options.name);
  }

  /** The partition to ask; undefined for the one that the name leads to. */
  get home(): number | undefined {
    return this.#home;
  }

  /** Whether the call goes on at once, to another partition. */
  learn(failure: StratumError): boolean {
    if (hasCode(failure, 'REPO_MOVED')) {
      this.#home = failure.details.partition;
      this.#homes.set(this.#name, this.#home);
      this.#moves += 1;
      return this.#moves <= movesMax;
    }
    if (!hasCode(failure, 'REPO_NOT_FOUND') || this.#home === undefined) return false;
    this.#homes.forget(this.#name);
    this.#home = undefined;
    const isFirst = !this.#hasReturned;
    this.#hasReturned = true;
    return isFirst;
  }
}
