import { prefixRange, type StateReader } from '../state.ts';
import { refKey, refNameOf, refPrefix } from '../state-keys.ts';

/**
 * Which names a repository's refs occupy during one request: those that are there, less the
 * deleted ones, and the new ones. As in a file system, "refs/heads/a" and "refs/heads/a/b" exclude
 * each other.
 */
export class RefNamespace {
  readonly #state: StateReader;
  readonly #prefix: Buffer;
  readonly #deleted: ReadonlySet<string>;
  readonly #added = new Set<string>();
  /** Every folder of an added name, with that name. */
  readonly #addedBelow = new Map<string, string>();
  /** Folders are shared by most names of a request; each is looked up once. */
  readonly #storedFolders = new Map<string, boolean>();

  constructor(state: StateReader, repoId: string, deleted: ReadonlySet<string>) {
    this.#state = state;
    this.#prefix = refPrefix(repoId);
    this.#deleted = deleted;
  }

  /** A name that forbids this one. */
  clashOf(name: string): string | undefined {
    const above = foldersOf(name).find((folder) => this.#added.has(folder) || this.#isStored(folder));
    return above ?? this.#addedBelow.get(name) ?? this.#storedBelow(name);
  }

  add(name: string): void {
    this.#added.add(name);
    for (const folder of foldersOf(name)) this.#addedBelow.set(folder, name);
  }

  #isStored(name: string): boolean {
    if (this.#deleted.has(name)) return false;
    const known = this.#storedFolders.get(name);
    if (known !== undefined) return known;
    const stored = this.#state.get(refKey(this.#prefix, name)) !== undefined;
    this.#storedFolders.set(name, stored);
    return stored;
  }

  #storedBelow(name: string): string | undefined {
    for (const entry of this.#state.range(prefixRange(refKey(this.#prefix, `${name}/`)))) {
      const below = refNameOf(entry);
      if (!this.#deleted.has(below)) return below;
    }
    return undefined;
  }
}

/** The proper prefixes of a ref name that could be refs themselves, shortest first: not "refs". */
function foldersOf(name: string): string[] {
  const folders: string[] = [];
  for (let at = name.indexOf('/', 'refs/'.length); at !== -1; at = name.indexOf('/', at + 1)) {
    folders.push(name.slice(0, at));
  }
  return folders;
}
