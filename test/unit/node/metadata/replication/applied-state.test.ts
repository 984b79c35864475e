import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AppliedState, type FlushedState } from '../../../../../src/node/metadata/replication/applied-state.ts';
import { logStart } from '../../../../../src/node/metadata/replication/log-record.ts';
import type { StateWrite } from '../../../../../src/node/metadata/state.ts';
import { describeStateReader } from '../../../../conformance/state-reader.ts';
import { memoryDisk } from '../memory-disk.ts';
import { MemoryState } from '../memory-state.ts';

const partition = 3;

// Few keys, so that they meet; some are beginnings of others, some above all letters.
const key = fc
  .constantFrom('', 'a', 'a\x00', 'aa', 'b', 'c', '\xfe', '\xff')
  .map((text) => Buffer.from(text, 'latin1'));
const write: fc.Arbitrary<StateWrite> = fc.record({
  key,
  value: fc.option(
    fc.uint8Array({ maxLength: 2 }).map((bytes) => Buffer.from(bytes)),
    { nil: undefined },
  ),
});
const writes = fc.array(write, { maxLength: 4 });
const step = fc.oneof(
  fc.record({ kind: fc.constant('apply' as const), writes }),
  fc.record({ kind: fc.constant('flush' as const), fails: fc.boolean(), during: fc.array(writes, { maxLength: 2 }) }),
);
const range = fc.record({
  start: key,
  end: key,
  reverse: fc.boolean(),
  limit: fc.option(fc.nat(6), { nil: undefined }),
});

function stateUnderTest() {
  const disk = memoryDisk();
  const state = new AppliedState({ partition }, { store: disk.store });
  const model = new MemoryState();
  let index = 0n;
  const apply = (changes: readonly StateWrite[]) => {
    index += 1n;
    state.apply({ index, epoch: 1n }, changes);
    model.write(changes);
  };
  /** As PartitionDisk does it; what comes in meanwhile is `during`. */
  const flush = async (fails: boolean, during: () => void) => {
    let flushed: FlushedState | undefined;
    const committed = disk.store.commit((transaction) => {
      flushed = state.write(transaction);
    });
    committed.catch(() => undefined);
    await disk.beginSync();
    during();
    disk.disk.isFull = fails;
    await disk.sync();
    if (flushed === undefined) throw new Error('the commit did not run');
    if (fails) state.notWritten();
    else state.written(flushed);
    return flushed.position.index;
  };
  const dump = () =>
    state.read((reader) =>
      [...reader.range({ start: Buffer.alloc(0), end: Buffer.alloc(9, 0xff) })].map((entry) => [
        entry.key.toString('hex'),
        entry.value.toString('hex'),
      ]),
    );
  return { disk, state, model, apply, flush, dump };
}

describe('AppliedState', () => {
  it('reads as a map does, with every part of it on disk, on its way there or in memory', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), fc.array(range, { minLength: 4 }), async (steps, ranges) => {
        const { state, model, apply, flush } = stateUnderTest();
        const check = () => {
          for (const { limit, start, end, reverse } of ranges) {
            const bounds = { start, end, reverse, ...(limit === undefined ? {} : { limit }) };
            const found = state.read((reader) =>
              [...reader.range(bounds)].map((entry) => [
                entry.key.toString('hex'),
                entry.value.toString('hex'),
                entry.keyText(0),
              ]),
            );
            const expected = [...model.range(bounds)].map((entry) => [
              entry.key.toString('hex'),
              entry.value.toString('hex'),
              entry.keyText(0),
            ]);
            expect(found).toEqual(expected);
            expect(state.read((reader) => reader.get(start))?.toString('hex')).toEqual(
              model.get(start)?.toString('hex'),
            );
          }
        };
        for (const each of steps) {
          if (each.kind === 'apply') apply(each.writes);
          else
            await flush(each.fails, () => {
              for (const changes of each.during) apply(changes);
              check();
            });
          check();
        }
      }),
      { numRuns: 60 },
    );
  });

  it('is on disk what it was at the position that the flush says, and dirty as long as the disk lacks something', async () => {
    const { disk, state, apply, flush, dump } = stateUnderTest();
    const put = (text: string) => [{ key: Buffer.from(text), value: Buffer.from(text) }];
    apply(put('a'));
    expect(state.isDirty).toBe(true);
    expect(await flush(false, () => apply(put('b')))).toBe(1n);
    expect(state.isDirty).toBe(true);
    const reopened = new AppliedState({ partition }, { store: disk.store });
    reopened.reset({ index: 1n, epoch: 1n });
    const names = (from: AppliedState) =>
      from.read((reader) =>
        [...reader.range({ start: Buffer.of(0), end: Buffer.of(0xff) })].map((entry) => entry.keyText(0)),
      );
    expect(names(reopened)).toEqual(['a']);
    expect(await flush(true, () => apply(put('c')))).toBe(2n);
    expect(state.isDirty).toBe(true);
    expect(names(reopened)).toEqual(['a']);
    expect(await flush(false, () => undefined)).toBe(3n);
    expect(state.isDirty).toBe(false);
    expect(names(reopened)).toEqual(['a', 'b', 'c']);
    expect(dump()).toHaveLength(3);
  });

  it('forgets what was in memory when it begins anew', () => {
    const { state, apply, dump } = stateUnderTest();
    apply([{ key: Buffer.from('a'), value: Buffer.from('1') }]);
    state.reset(logStart);
    expect([dump(), state.isDirty, state.position]).toEqual([[], false, logStart]);
  });
});

describeStateReader('applied, and half of it on disk', async () => {
  const { state, apply, flush } = stateUnderTest();
  let isFlushed = false;
  return {
    write: async (changes) => {
      apply(changes);
      isFlushed = !isFlushed;
      if (isFlushed) await flush(false, () => undefined);
    },
    read: (work) => state.read(work),
  };
});
