import { LRUCache } from 'lru-cache';
import { firstIndex } from '../../base/first-index.ts';
import { compareRefNames } from '../../git/compare-ref-names.ts';
import type { Ref, Repo } from '../../rpc/gen/stratum/v1/metadata.ts';
import type { RefsChange } from './state-machine/applied.ts';

/** Refs of one repository at one generation, by name. Shared with readers, so never changed in place. */
interface CachedRefs {
  readonly generation: bigint;
  readonly refs: readonly Ref[];
}

/** About 250 bytes each in memory. */
const defaultRefsMax = 400_000;

/**
 * The refs of the repositories read last, so that a repository with many is not read whole from disk
 * after each push. Truth is the generation in the state: an entry counts only when it has exactly that.
 */
export class RefsCache {
  readonly #entries: LRUCache<string, CachedRefs>;

  constructor(options: { readonly refsMax?: number } = {}) {
    this.#entries = new LRUCache({
      maxSize: options.refsMax ?? defaultRefsMax,
      sizeCalculation: ({ refs }) => refs.length + 1,
    });
  }

  /** The refs of a repository as just read from the state; `readAll` reads them in the same moment. */
  read({ id, refsGeneration }: Repo, readAll: () => readonly Ref[]): readonly Ref[] {
    const known = this.#entries.get(id);
    if (known?.generation === refsGeneration) return known.refs;
    const refs = readAll();
    this.#entries.set(id, { generation: refsGeneration, refs });
    return refs;
  }

  /** A partition begins with another state: generations of before may name other refs now. */
  clear(): void {
    this.#entries.clear();
  }

  /** A repository's refs have changed. */
  applied({ repoId, fromGeneration, toGeneration, refs }: RefsChange): void {
    const known = this.#entries.get(repoId);
    if (known?.generation !== fromGeneration) return;
    this.#entries.set(repoId, { generation: toGeneration, refs: applyRefChanges(known.refs, refs) });
  }
}

/** A new list with changes applied; the cost is one copy and a search for each change. */
export function applyRefChanges(refs: readonly Ref[], changes: ReadonlyMap<string, Ref | undefined>): readonly Ref[] {
  if (changes.size === 0) return refs;
  const ordered = [...changes].sort(([a], [b]) => compareRefNames(a, b));
  const result: Ref[] = [];
  let next = 0;
  for (const [name, ref] of ordered) {
    const at = firstIndex(next, refs.length, (index) => compareRefNames(refs[index]?.name ?? '', name) >= 0);
    for (; next < at; next += 1) pushAt(result, refs, next);
    if (refs[next]?.name === name) next += 1;
    if (ref !== undefined) result.push(ref);
  }
  for (; next < refs.length; next += 1) pushAt(result, refs, next);
  return result;
}

function pushAt(result: Ref[], refs: readonly Ref[], at: number): void {
  const ref = refs[at];
  if (ref !== undefined) result.push(ref);
}
