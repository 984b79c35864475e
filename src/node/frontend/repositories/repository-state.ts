import { join } from 'node:path';
import type { RepositoryRefs } from '../ref-reader.ts';
import { FolderRecord } from './folder-record.ts';

/** How closely the next update looks at files that are there: not at all, at sizes, or at every byte. */
export type FileCheck = 'none' | 'size' | 'content';

/** An update under way. */
interface Update {
  /** What it brings the repository up to. */
  readonly target: RepositoryRefs;
  /** The refs that are on disk after it. */
  readonly done: Promise<RepositoryRefs>;
}

/**
 * What a process knows of one cached repository. Whoever reads or changes its folder holds it; what
 * nobody may see half done (a pack that goes, an eviction) runs alone.
 */
export class RepositoryState {
  readonly id: string;
  readonly path: string;
  readonly record: FolderRecord;
  /** The refs on disk; undefined before the first update, which trusts no file of an older process. */
  refs: RepositoryRefs | undefined;
  /**
   * Of the pack list that the last update read, which holds every object of every pack here that was listed by then:
   * retired packs were superseded, never dropped.
   */
  packsGeneration = -1n;
  check: FileCheck = 'size';
  contentCheckedAtMs: number | undefined;
  /** When something that should have been there had to be brought back, in monotonic milliseconds. */
  mendedAtMs: number | undefined;
  update: Update | undefined;
  /** Names of the packs that the last update found listed. */
  listed: ReadonlySet<string> = new Set();
  /** Packs on disk that others have superseded, by name, and the monotonic millisecond from which each may go. */
  readonly retired = new Map<string, number>();
  /** Names of the packs in the multi-pack-index; undefined when there is none of this process. */
  indexed: ReadonlySet<string> | undefined;
  /** The background run that writes one. */
  indexing: { readonly cancel: AbortController; readonly done: Promise<void> } | undefined;
  /** It is to go as soon as nobody holds it. */
  isUnwanted = false;
  /** When it was last asked for: milliseconds since the Unix epoch, which an older process may have written down. */
  usedAtMs: number;
  /** The use that is written down on disk. */
  usedAtWrittenMs: number;
  /** Where it stands among the uses of this process; later is larger. */
  useOrder = 0;
  readonly #onIdle: (state: RepositoryState) => void;
  #holders = 0;
  #alone: Promise<void> | undefined;

  constructor(
    id: string,
    options: { readonly folder: string; readonly usedAtMs: number },
    modules: { readonly onIdle: (state: RepositoryState) => void },
  ) {
    this.id = id;
    this.path = join(options.folder, `${id}.git`);
    this.record = new FolderRecord(this.path);
    this.usedAtMs = options.usedAtMs;
    this.usedAtWrittenMs = options.usedAtMs;
    this.#onIdle = modules.onIdle;
  }

  /** Nobody holds it and nothing runs alone. */
  get isIdle(): boolean {
    return this.#holders === 0 && this.#alone === undefined;
  }

  /** What runs alone, to be waited for before {@link hold}; it never rejects. */
  get alone(): Promise<void> | undefined {
    return this.#alone;
  }

  /** Keeps every file that git may have opened until the result is called, once. */
  hold(): () => void {
    this.#holders += 1;
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      this.#holders -= 1;
      if (this.isIdle) this.#onIdle(this);
    };
  }

  /** Runs work that nobody may see half done, at once or, when the state is not idle, not at all. */
  async runAlone(work: () => Promise<void>): Promise<boolean> {
    if (!this.isIdle) return false;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#alone = promise;
    try {
      await work();
      return true;
    } finally {
      this.#alone = undefined;
      resolve();
    }
  }
}
