import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { layered, noChanges } from '../../../../src/node/metadata/layered-state.ts';
import type { StateRange, StateReader } from '../../../../src/node/metadata/state.ts';
import { MemoryState } from './memory-state.ts';

/** Few enough that layers meet, with the lowest and the highest byte. */
const key = fc
  .array(fc.constantFrom(0, 1, 0x7f, 0x80, 0xff), { minLength: 1, maxLength: 2 })
  .map((at) => Buffer.from(at));
const value = fc.uint8Array({ maxLength: 2 }).map((bytes) => Buffer.from(bytes));
const writes = fc.array(fc.record({ key, value: fc.option(value, { nil: undefined }) }), { maxLength: 12 });
const range = fc.record(
  { start: key, end: key, reverse: fc.boolean(), limit: fc.integer({ min: 1, max: 6 }) },
  { requiredKeys: ['start', 'end'] },
);

const rowsOf = (reader: StateReader, wanted: StateRange) =>
  [...reader.range(wanted)].map((entry) => [entry.key.toString('hex'), entry.value.toString('hex'), entry.keyText(0)]);

describe('layered', () => {
  it('reads as one state that all changes were written to, the newest last', () => {
    fc.assert(
      fc.property(writes, fc.array(writes, { maxLength: 4 }), range, key, (stored, layers, wanted, single) => {
        const under = new MemoryState();
        const model = new MemoryState();
        under.write(stored);
        for (const written of [stored, ...layers]) model.write(written);
        const changes = layers.map((written) => {
          const layer = noChanges();
          for (const change of written) layer.set(change.key.toString('latin1'), change.value);
          return layer;
        });
        const reader = layered(changes.reverse(), under);
        expect(rowsOf(reader, wanted)).toEqual(rowsOf(model, wanted));
        expect(reader.get(single)).toEqual(model.get(single));
      }),
      { numRuns: 500 },
    );
  });

  it('shows what a layer becomes after it was made, as a commit sees its own writes', () => {
    const layer = noChanges();
    const under = new MemoryState();
    under.write([{ key: Buffer.from('a'), value: Buffer.from('old') }]);
    const reader = layered([layer], under);
    layer.set('a', undefined);
    layer.set('b', Buffer.from('new'));
    const all = { start: Buffer.from('a'), end: Buffer.from('z') };
    expect(rowsOf(reader, all).map(([, , text]) => text)).toEqual(['b']);
    expect([reader.get(Buffer.from('a')), reader.get(Buffer.from('b'))]).toEqual([undefined, Buffer.from('new')]);
  });
});
