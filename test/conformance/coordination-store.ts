import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { hasCode, StratumError } from '../../src/base/errors.ts';
import type { Change, CoordinationStore, WatchedChanges } from '../../src/consensus/etcd/coordination-store.ts';

/** Where a test finds stores, and what it can do to the engine behind them. */
export interface CoordinationPlace {
  /** A client; all of one place share an engine, and a prefix unless another is given. */
  store(prefix?: string): CoordinationStore;
  /** Waits for something; in a simulation time goes on meanwhile. */
  settle<T>(promise: Promise<T>): Promise<T>;
  /** The engine forgets the changes below a revision. */
  compact(revision: bigint): Promise<void>;
  /** The engine answers nobody, until it is resumed. */
  pause(): void;
  resume(): void;
  remove(): Promise<void>;
}

const bytes = (text: string) => Buffer.from(text);
const put = (key: string, value = key): Change => ({ put: key, value: bytes(value) });
const letters = { start: 'a', end: 'zz' };

/** Waits for changes until they fulfil the condition; all that came. */
async function changesUntil(
  changes: AsyncIterator<WatchedChanges>,
  isEnough: (seen: readonly WatchedChanges[]) => boolean,
): Promise<readonly WatchedChanges[]> {
  const seen: WatchedChanges[] = [];
  while (!isEnough(seen)) {
    const next = await changes.next();
    if (next.done === true) throw new Error('the watch ended');
    seen.push(next.value);
  }
  return seen;
}

const namesOf = (seen: readonly WatchedChanges[]) => seen.flatMap(({ events }) => events.map(({ name }) => name));

/** The contract of CoordinationStore (src/consensus/etcd/coordination-store.ts). */
export function describeCoordinationStore(name: string, open: () => Promise<CoordinationPlace>): void {
  describe(`the coordination store ${name}`, () => {
    let place: CoordinationPlace;
    let store: CoordinationStore;
    const ending = new Set<AbortController>();

    beforeEach(async () => {
      place = await open();
      store = place.store();
    });
    afterEach(async () => {
      for (const controller of ending) controller.abort(new StratumError('CANCELLED', 'the test ends'));
      ending.clear();
      place.resume();
      store.close();
      await place.remove();
    });

    const commit = (guards: Parameters<CoordinationStore['commit']>[0], ...changes: readonly Change[]) =>
      place.settle(store.commit(guards, changes));
    const read = (...ranges: Parameters<CoordinationStore['read']>[0]) => place.settle(store.read(ranges));
    const keysOf = async (...ranges: Parameters<CoordinationStore['read']>[0]) =>
      (await read(...ranges)).keys.map(({ key }) => key);
    const watch = (from: bigint) => {
      const controller = new AbortController();
      ending.add(controller);
      return { changes: store.watch(from, controller.signal)[Symbol.asyncIterator](), controller };
    };
    const refusal = (promise: Promise<unknown>) =>
      place.settle(
        promise.then(
          () => undefined,
          (error: unknown) => error,
        ),
      );

    describe('reads', () => {
      it('finds the keys of a range, its end excluded, in the order of their names', async () => {
        await commit([], put('c'), put('a'), put('b'), put('bb'));
        expect(await keysOf({ start: 'a', end: 'c' })).toEqual(['a', 'b', 'bb']);
      });

      it('finds one key when the range has no end, and nothing where none is', async () => {
        await commit([], put('a'), put('aa'));
        expect(await keysOf({ start: 'a' })).toEqual(['a']);
        expect(await keysOf({ start: 'nothing' })).toEqual([]);
      });

      it('answers several ranges in the order in which they were asked for, at one revision', async () => {
        const { revision } = await commit([], put('b'), put('a'), put('x', 'content'));
        const found = await read({ start: 'x' }, { start: 'a', end: 'c' });
        expect(found.revision).toBe(revision);
        expect(found.keys.map(({ key }) => key)).toEqual(['x', 'a', 'b']);
        expect(Buffer.from(found.keys[0]?.value ?? []).toString()).toBe('content');
      });

      it('sees what was committed before it was asked', async () => {
        const other = place.store();
        for (let round = 0; round < 5; round += 1) {
          const { revision } = await commit([], put('a', String(round)));
          const found = await place.settle(other.read([{ start: 'a' }]));
          expect(found.revision >= revision).toBe(true);
          expect(Buffer.from(found.keys[0]?.value ?? []).toString()).toBe(String(round));
        }
        other.close();
      });

      it('keeps bytes as they are', async () => {
        const value = Buffer.from([0, 255, 10, 13, 128]);
        await commit([], { put: 'a', value });
        expect(Buffer.from((await read({ start: 'a' })).keys[0]?.value ?? [])).toEqual(value);
      });
    });

    describe('commits', () => {
      it('raise the revision by one, however many keys change', async () => {
        const first = await commit([], put('a'), put('b'));
        const second = await commit([], put('c'), { delete: letters && { start: 'a' } });
        expect(second.revision).toBe(first.revision + 1n);
      });

      it.each([
        ['a creation revision that is the key’s', true, (created: bigint) => ({ key: 'a', createRevision: created })],
        ['another creation revision', false, (created: bigint) => ({ key: 'a', createRevision: created - 1n })],
        ['absence of a key that is there', false, () => ({ key: 'a', createRevision: 0n })],
        ['absence of a key that is not there', true, () => ({ key: 'nothing', createRevision: 0n })],
        ['the value that the key has', true, () => ({ key: 'a', value: bytes('second') })],
        ['a value that the key had', false, () => ({ key: 'a', value: bytes('first') })],
        ['a value of a key that is not there', false, () => ({ key: 'nothing', value: bytes('') })],
      ])('that demand %s: %s', async (_name, isDone, guard) => {
        const created = await commit([], put('a', 'first'));
        const before = await commit([], put('a', 'second'));
        const { succeeded, revision } = await commit([guard(created.revision)], put('x'));
        expect(succeeded).toBe(isDone);
        expect(revision).toBe(isDone ? before.revision + 1n : before.revision);
        expect(await keysOf({ start: 'x' })).toEqual(isDone ? ['x'] : []);
      });

      it('change nothing at all when one of several guards does not hold', async () => {
        await commit([], put('a'), put('b'));
        const guards = [
          { key: 'a', value: bytes('a') },
          { key: 'b', value: bytes('other') },
        ];
        const { succeeded } = await commit(guards, put('x'), { delete: { start: 'a' } });
        expect(succeeded).toBe(false);
        expect(await keysOf(letters)).toEqual(['a', 'b']);
      });

      it('delete the keys of a range and put others at once', async () => {
        await commit([], put('a'), put('b'), put('c'));
        await commit([], { delete: { start: 'a', end: 'c' } }, put('d'));
        expect(await keysOf(letters)).toEqual(['c', 'd']);
      });

      it('keep the creation revision over later puts, and give another one after a deletion', async () => {
        const first = await commit([], put('a', '1'));
        const second = await commit([], put('a', '2'));
        const changed = (await read({ start: 'a' })).keys[0];
        expect(changed).toMatchObject({ createRevision: first.revision, modRevision: second.revision });
        await commit([], { delete: { start: 'a' } });
        const third = await commit([{ key: 'a', createRevision: 0n }], put('a', '3'));
        const again = (await read({ start: 'a' })).keys[0];
        expect(again).toMatchObject({ createRevision: third.revision, modRevision: third.revision });
        expect((await commit([{ key: 'a', createRevision: first.revision }], put('x'))).succeeded).toBe(false);
      });

      it('let one of two win that both demand absence', async () => {
        const other = place.store();
        const guard = [{ key: 'leader', createRevision: 0n }];
        const outcomes = await place.settle(
          Promise.all([store.commit(guard, [put('leader', 'one')]), other.commit(guard, [put('leader', 'two')])]),
        );
        expect(outcomes.filter(({ succeeded }) => succeeded)).toHaveLength(1);
        const winner = outcomes[0]?.succeeded === true ? 'one' : 'two';
        expect(Buffer.from((await read({ start: 'leader' })).keys[0]?.value ?? []).toString()).toBe(winner);
        other.close();
      });

      it('are refused whole when they change a key twice', async () => {
        expect(await refusal(store.commit([], [put('a', '1'), put('a', '2')]))).toBeInstanceOf(StratumError);
        expect(await refusal(store.commit([], [put('a'), { delete: { start: 'a' } }]))).toBeInstanceOf(StratumError);
        expect(await keysOf(letters)).toEqual([]);
      });
    });

    describe('leases', () => {
      const held = (key: string, leaseId: string): Change => ({ put: key, value: bytes(key), leaseId });

      it('that are not renewed end, their keys go in one revision, and a watch tells of it', async () => {
        const leaseId = await place.settle(store.grantLease(1_000));
        const { revision } = await commit([], held('a', leaseId), held('b', leaseId), put('c'));
        const { changes } = watch(revision + 1n);
        const seen = await place.settle(changesUntil(changes, (all) => namesOf(all).length >= 2));
        const events = seen.flatMap((each) => each.events);
        expect(events.map((event) => event.name).sort()).toEqual(['a', 'b']);
        expect(events.every((event) => event.stored === undefined)).toBe(true);
        expect(new Set(events.map((event) => event.revision))).toEqual(new Set([revision + 1n]));
        expect(await keysOf(letters)).toEqual(['c']);
        expect(await place.settle(store.renewLease(leaseId))).toBe(false);
      });

      it('that are renewed hold their keys', async () => {
        const leaseId = await place.settle(store.grantLease(60_000));
        await commit([], held('a', leaseId));
        expect(await place.settle(store.renewLease(leaseId))).toBe(true);
        expect(await keysOf(letters)).toEqual(['a']);
      });

      it('that are revoked end at once', async () => {
        const leaseId = await place.settle(store.grantLease(60_000));
        const { revision } = await commit([], held('a', leaseId));
        const { changes } = watch(revision + 1n);
        await place.settle(store.revokeLease(leaseId));
        const seen = await place.settle(changesUntil(changes, (all) => all.length > 0));
        expect(namesOf(seen)).toEqual(['a']);
        expect(await place.settle(store.renewLease(leaseId))).toBe(false);
        expect(await keysOf(letters)).toEqual([]);
      });

      it('do not take a key with them that was put again without them', async () => {
        const leaseId = await place.settle(store.grantLease(60_000));
        await commit([], held('a', leaseId), held('b', leaseId));
        await commit([], put('a', 'mine'));
        await place.settle(store.revokeLease(leaseId));
        expect(await keysOf(letters)).toEqual(['a']);
      });

      it('that have ended hold nothing any more: a put is refused, with all that comes with it', async () => {
        const leaseId = await place.settle(store.grantLease(60_000));
        await place.settle(store.revokeLease(leaseId));
        expect(await refusal(store.commit([], [held('a', leaseId), put('b')]))).toBeInstanceOf(StratumError);
        expect(await keysOf(letters)).toEqual([]);
      });

      it('have ids of their own', async () => {
        const ids = await place.settle(Promise.all([1, 2, 3].map(() => store.grantLease(60_000))));
        expect(new Set(ids).size).toBe(3);
      });
    });

    describe('watches', () => {
      it('begin at a revision of the past, and bring every change from there on, in order', async () => {
        await commit([], put('early'));
        const { revision } = await commit([], put('a', '1'));
        await commit([], put('a', '2'));
        const { changes } = watch(revision);
        const past = await place.settle(changesUntil(changes, (all) => namesOf(all).length >= 2));
        await commit([], put('b'), { delete: { start: 'a' } });
        const present = await place.settle(changesUntil(changes, (all) => namesOf(all).length >= 2));
        const events = [...past, ...present].flatMap((each) => each.events);
        expect(events.map((event) => event.revision)).toEqual([0n, 1n, 2n, 2n].map((after) => revision + after));
        expect(events.slice(0, 2).map((event) => Buffer.from(event.stored?.value ?? []).toString())).toEqual([
          '1',
          '2',
        ]);
        expect(events.find((event) => event.stored === undefined)?.name).toBe('a');
      });

      it('bring the changes of one commit together', async () => {
        const { revision } = await read(letters);
        const { changes } = watch(revision + 1n);
        await commit([], put('a'), put('b'), put('c'));
        const seen = await place.settle(changesUntil(changes, (all) => all.length > 0));
        expect(namesOf(seen).sort()).toEqual(['a', 'b', 'c']);
        expect(seen).toHaveLength(1);
      });

      it('tell the creation revision of what they bring', async () => {
        const first = await commit([], put('a', '1'));
        const second = await commit([], put('a', '2'));
        const { changes } = watch(second.revision);
        const [seen] = await place.settle(changesUntil(changes, (all) => all.length > 0));
        expect(seen?.events[0]?.stored).toMatchObject({
          createRevision: first.revision,
          modRevision: second.revision,
        });
      });

      it('wait for a revision that is still to come', async () => {
        const { revision } = await commit([], put('a', '1'));
        const { changes } = watch(revision + 2n);
        await commit([], put('a', '2'));
        await commit([], put('a', '3'));
        const [seen] = await place.settle(changesUntil(changes, (all) => all.length > 0));
        expect(seen?.events.map((event) => event.revision)).toEqual([revision + 2n]);
      });

      it('end with the reason of their signal, whether it aborts before or after', async () => {
        const reason = new StratumError('SHUTTING_DOWN', 'enough');
        const { revision } = await commit([], put('a'));
        const { changes, controller } = watch(revision);
        await place.settle(changes.next());
        const next = refusal(changes.next());
        controller.abort(reason);
        expect(await next).toBe(reason);
        const late = watch(revision);
        late.controller.abort(reason);
        expect(await refusal(late.changes.next())).toBe(reason);
      });

      it('of a revision that is compacted away are refused', async () => {
        const { revision } = await commit([], put('a', '1'));
        for (const value of ['2', '3', '4']) await commit([], put('a', value));
        await place.compact(revision + 2n);
        const { changes } = watch(revision);
        expect(await refusal(changes.next())).toSatisfy((error) => hasCode(error, 'NO_QUORUM'));
        const { changes: later } = watch(revision + 3n);
        const seen = await place.settle(changesUntil(later, (all) => all.length > 0));
        expect(seen.flatMap(({ events }) => events.map((event) => event.revision))).toEqual([revision + 3n]);
      });
    });

    it('keeps prefixes apart: reads, guards, deletions and watches', async () => {
      const other = place.store('/elsewhere/');
      const { revision } = await commit([], put('a', 'mine'));
      const { changes } = watch(revision + 1n);
      await place.settle(other.commit([{ key: 'a', createRevision: 0n }], [put('a', 'theirs'), put('b', 'theirs')]));
      await place.settle(other.commit([], [{ delete: letters }]));
      expect(await place.settle(other.read([letters]))).toMatchObject({ keys: [] });
      expect(await keysOf(letters)).toEqual(['a']);
      const { revision: last } = await commit([], put('c'));
      const seen = await place.settle(changesUntil(changes, (all) => all.length > 0));
      expect(seen.flatMap(({ events }) => events.map((event) => [event.name, event.revision]))).toEqual([['c', last]]);
      other.close();
    });

    it('answers every call with NO_QUORUM when the engine is silent, and goes on when it speaks again', async () => {
      const leaseId = await place.settle(store.grantLease(60_000));
      await commit([], put('a'));
      place.pause();
      const failures = await place.settle(
        Promise.allSettled([
          store.read([letters]),
          store.commit([], [put('b')]),
          store.grantLease(60_000),
          store.renewLease(leaseId),
          store.revokeLease(leaseId),
          store.status(),
        ]),
      );
      expect(failures.map((outcome) => outcome.status === 'rejected' && hasCode(outcome.reason, 'NO_QUORUM'))).toEqual(
        Array.from({ length: 6 }, () => true),
      );
      place.resume();
      await place.settle(whenAnswering(store));
      expect((await commit([], put('c'))).succeeded).toBe(true);
      expect(await keysOf({ start: 'a' }, { start: 'c' })).toEqual(['a', 'c']);
    });

    it('refuses calls and watches after its close', async () => {
      const closed = place.store();
      closed.close();
      expect(await refusal(closed.read([letters]))).toSatisfy((error) => hasCode(error, 'SHUTTING_DOWN'));
      const changes = closed.watch(1n, new AbortController().signal)[Symbol.asyncIterator]();
      expect(await refusal(changes.next())).toBeInstanceOf(StratumError);
    });
  });
}

/** Asks until there is an answer: an engine that was silent may need a moment. */
async function whenAnswering(store: CoordinationStore): Promise<void> {
  for (;;) {
    try {
      await store.read([{ start: 'a' }]);
      return;
    } catch (error) {
      if (!hasCode(error, 'NO_QUORUM')) throw error;
    }
  }
}
