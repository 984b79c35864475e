import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareRefNames } from '../../../../src/git/compare-ref-names.ts';
import { applyRefChanges, RefsCache } from '../../../../src/node/metadata/refs-cache.ts';
import type { RefsChange } from '../../../../src/node/metadata/state-machine/applied.ts';
import { type Ref, Repo } from '../../../../src/rpc/gen/stratum/v1/metadata.ts';
import { id } from './sample-metadata.ts';

const ref = (name: string, value = '1'): Ref => ({ name, objectId: id(value), peeledId: '' });
const repoAt = (generation: bigint, repoId = 'r') => Repo.create({ id: repoId, refsGeneration: generation });
const change = (fromGeneration: bigint, refs: readonly (readonly [string, Ref | undefined])[]): RefsChange => ({
  repoId: 'r',
  fromGeneration,
  toGeneration: fromGeneration + 1n,
  refs: new Map(refs),
});

/** Counts how often the store had to be read. */
function reader(refs: readonly Ref[]) {
  const counted = { reads: 0, readAll: () => refs };
  counted.readAll = () => {
    counted.reads += 1;
    return refs;
  };
  return counted;
}

describe('RefsCache', () => {
  it('reads the store once for a generation', () => {
    const cache = new RefsCache();
    const store = reader([ref('a')]);
    expect(cache.read(repoAt(1n), store.readAll)).toEqual([ref('a')]);
    expect(cache.read(repoAt(1n), store.readAll)).toEqual([ref('a')]);
    expect(store.reads).toBe(1);
  });

  it('follows applied changes without reading again', () => {
    const cache = new RefsCache();
    const store = reader([ref('a'), ref('c')]);
    cache.read(repoAt(1n), store.readAll);
    cache.applied(change(1n, [['b', ref('b')]]));
    cache.applied(
      change(2n, [
        ['a', undefined],
        ['c', ref('c', '2')],
      ]),
    );
    expect(cache.read(repoAt(3n), store.readAll)).toEqual([ref('b'), ref('c', '2')]);
    expect(store.reads).toBe(1);
  });

  it('leaves what an earlier reader was given as it was', () => {
    const cache = new RefsCache();
    const given = cache.read(repoAt(1n), () => [ref('a')]);
    cache.applied(change(1n, [['a', undefined]]));
    expect(given).toEqual([ref('a')]);
  });

  it('does not take a change for the next one that does not follow on what it has', () => {
    const cache = new RefsCache();
    const store = reader([ref('a'), ref('b'), ref('c')]);
    cache.read(repoAt(1n), () => [ref('a')]);
    cache.applied(change(2n, [['c', ref('c')]]));
    expect(cache.read(repoAt(3n), store.readAll)).toEqual([ref('a'), ref('b'), ref('c')]);
    expect(store.reads).toBe(1);
  });

  it('takes up nothing of a repository that nobody has read', () => {
    const cache = new RefsCache();
    const store = reader([ref('a'), ref('b')]);
    cache.applied(change(1n, [['b', ref('b')]]));
    cache.read(repoAt(2n), store.readAll);
    expect(store.reads).toBe(1);
  });

  it('reads again what it cannot follow', () => {
    const cache = new RefsCache();
    cache.read(repoAt(1n), () => [ref('old')]);
    expect(cache.read(repoAt(5n), () => [ref('new')])).toEqual([ref('new')]);
  });

  it('keeps no more refs than its bound, the ones read last', () => {
    const cache = new RefsCache({ refsMax: 10 });
    const stores = ['a', 'b', 'c'].map((name) => ({
      name,
      store: reader([ref(name), ref(`${name}2`), ref(`${name}3`)]),
    }));
    for (const { name, store } of stores) cache.read(repoAt(1n, name), store.readAll);
    for (const { name, store } of stores.toReversed()) cache.read(repoAt(1n, name), store.readAll);
    expect(stores.map(({ store }) => store.reads)).toEqual([2, 1, 1]);
  });

  it('does not keep a repository that is larger than the bound', () => {
    const cache = new RefsCache({ refsMax: 2 });
    const store = reader([ref('a'), ref('b'), ref('c')]);
    for (let times = 0; times < 2; times += 1) expect(cache.read(repoAt(1n), store.readAll)).toHaveLength(3);
    expect(store.reads).toBe(2);
  });
});

describe('applyRefChanges', () => {
  it('does to a list what the changes do to a map, and leaves the list as it was', () => {
    const names = fc.constantFrom('a', 'a-b', 'a/b', 'b', 'c', 'd', 'é', '😀', '\uffff');
    fc.assert(
      fc.property(
        fc.uniqueArray(names),
        fc.uniqueArray(fc.tuple(names, fc.boolean()), { selector: ([name]) => name }),
        (before, changes) => {
          const list = before.toSorted(compareRefNames).map((name) => ref(name));
          const copy = [...list];
          const map = new Map(list.map((at) => [at.name, at]));
          for (const [name, isKept] of changes) {
            if (isKept) map.set(name, ref(name, '2'));
            else map.delete(name);
          }
          const changed = applyRefChanges(
            list,
            new Map(changes.map(([name, isKept]) => [name, isKept ? ref(name, '2') : undefined])),
          );
          expect(changed).toEqual([...map.values()].sort((a, b) => compareRefNames(a.name, b.name)));
          expect(list).toEqual(copy);
        },
      ),
    );
  });
});
