import type { SequentialModel } from './check-linearizable.ts';

/** Stands for a ref that is not there. */
export const noValue = '';

/** A wanted change of one ref. */
export interface RefSwap {
  readonly name: string;
  readonly oldId: string;
  readonly newId: string;
}

/** What is done to a repository. */
export type RepositoryInput =
  | { readonly kind: 'read' }
  | { readonly kind: 'push'; readonly isAtomic: boolean; readonly swaps: readonly RefSwap[] };

/** All refs by name; or which of the swaps were done, in their order. */
export type RepositoryOutput =
  | { readonly kind: 'refs'; readonly refs: ReadonlyMap<string, string> }
  | { readonly kind: 'pushed'; readonly areDone: readonly boolean[] };

/** The refs that are there, by name. */
export type RepositoryState = ReadonlyMap<string, string>;

/** All refs of a repository: an atomic push happens whole or not at all, another one each for itself but at one moment. */
export const repositoryModel: SequentialModel<RepositoryInput, RepositoryOutput, RepositoryState> = {
  initial: new Map(),
  key: keyOfRefs,
  step: (state, input, output) => {
    if (input.kind === 'read') {
      return output?.kind === 'refs' && !sameRefs(output.refs, state) ? undefined : state;
    }
    const fits = input.swaps.map(({ name, oldId }) => (state.get(name) ?? noValue) === oldId);
    const areDone = input.isAtomic && fits.includes(false) ? fits.map(() => false) : fits;
    if (output?.kind === 'pushed' && !areDone.every((isDone, at) => isDone === output.areDone[at])) return undefined;
    if (!areDone.includes(true)) return state;
    const next = new Map(state);
    for (const [at, { name, newId }] of input.swaps.entries()) {
      if (!areDone[at]) continue;
      if (newId === noValue) next.delete(name);
      else next.set(name, newId);
    }
    return next;
  },
};

const keys = new WeakMap<RepositoryState, string>();

function keyOfRefs(state: RepositoryState): string {
  let key = keys.get(state);
  if (key === undefined) {
    key = JSON.stringify([...state].sort(([a], [b]) => (a < b ? -1 : 1)));
    keys.set(state, key);
  }
  return key;
}

function sameRefs(left: ReadonlyMap<string, string>, right: RepositoryState): boolean {
  if (left.size !== right.size) return false;
  for (const [name, id] of left) if (right.get(name) !== id) return false;
  return true;
}
