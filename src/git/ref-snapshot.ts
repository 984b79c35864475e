import { firstIndex } from '../base/first-index.ts';
import { compareRefNames } from './compare-ref-names.ts';
import type { ObjectFormat } from './object-id.ts';

/** A ref as the protocol shows it. */
export interface GitRef {
  readonly name: string;
  /** Hex. */
  readonly objectId: string;
  /** For an annotated tag: the object that it leads to, hex; otherwise empty. */
  readonly peeledId: string;
}

/** All refs of a repository at one moment. */
export interface RefSnapshot {
  readonly objectFormat: ObjectFormat;
  /** The branch that HEAD points at; it need not exist. */
  readonly head: string;
  /** In byte order of their names. */
  readonly refs: readonly GitRef[];
}

/** Refs in the byte order of their names, which is the order of git (UTF-16 order differs beyond U+FFFF). */
export function sortRefs<Ref extends GitRef>(refs: readonly Ref[]): readonly Ref[] {
  const sorted = refs.every((ref, at) => at === 0 || compareRefNames(refs[at - 1]?.name ?? '', ref.name) <= 0);
  return sorted ? refs : refs.toSorted((a, b) => compareRefNames(a.name, b.name));
}

/** What HEAD resolves to; undefined while the branch does not exist. */
export function resolveHead(snapshot: RefSnapshot): GitRef | undefined {
  return findRef(snapshot, 'HEAD');
}

/** The ref of a full name, of HEAD what it resolves to; undefined when there is none. */
export function findRef({ refs, head }: RefSnapshot, name: string): GitRef | undefined {
  const wanted = name === 'HEAD' ? head : name;
  const found = refs[firstIndex(0, refs.length, (at) => compareRefNames(refs[at]?.name ?? '', wanted) >= 0)];
  return found?.name === wanted ? found : undefined;
}
