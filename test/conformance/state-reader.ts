import { describe, expect, it } from 'vitest';
import { prefixRange, type StateReader, type StateWrite } from '../../src/node/metadata/state.ts';

/** A state that can be written, and where its records are read afterwards. */
export interface StateUnderTest {
  write(writes: readonly StateWrite[]): Promise<void>;
  read<T>(work: (state: StateReader) => T): T;
}

const bytes = (text: string) => Buffer.from(text, 'latin1');
const write = (key: string, value: string | undefined): StateWrite => ({
  key: bytes(key),
  value: value === undefined ? undefined : bytes(value),
});

/** What every implementation of StateReader promises. */
export function describeStateReader(name: string, open: () => Promise<StateUnderTest>): void {
  describe(`StateReader: ${name}`, () => {
    const keysIn = (state: StateUnderTest, start: string, end: string, more = {}) =>
      state.read((reader) =>
        [...reader.range({ start: bytes(start), end: bytes(end), ...more })].map(({ key }) => key.toString('latin1')),
      );

    it('gives back what was written last, and nothing for what was removed or never there', async () => {
      const state = await open();
      await state.write([write('a', '1'), write('b', '1')]);
      await state.write([write('a', '2'), write('b', undefined), write('c', undefined)]);
      const values = state.read((reader) => ['a', 'b', 'c'].map((key) => reader.get(bytes(key))));
      expect(values).toEqual([bytes('2'), undefined, undefined]);
    });

    it('keeps empty values and bytes of every kind', async () => {
      const state = await open();
      const all = Buffer.from(Array.from({ length: 256 }, (_, at) => at));
      await state.write([{ key: all, value: all }, write('empty', '')]);
      expect(state.read((reader) => [reader.get(all), reader.get(bytes('empty'))])).toEqual([all, bytes('')]);
    });

    it('reads a range in byte order: the start is in it, the end is not, whichever way', async () => {
      const state = await open();
      await state.write(['b', 'a', '\xff', 'c', 'ba', '\x00', 'b\x00'].map((key) => write(key, key)));
      expect(keysIn(state, 'a', 'c')).toEqual(['a', 'b', 'b\x00', 'ba']);
      expect(keysIn(state, 'a', 'c', { reverse: true })).toEqual(['ba', 'b\x00', 'b', 'a']);
      expect(keysIn(state, 'a\x00', 'b\x01', { reverse: true })).toEqual(['b\x00', 'b']);
      expect(keysIn(state, 'd', 'e')).toEqual([]);
      expect(keysIn(state, 'd', 'e', { reverse: true })).toEqual([]);
    });

    it('gives the text of keys', async () => {
      const state = await open();
      await state.write([{ key: Buffer.from('nämé'), value: bytes('') }]);
      const texts = state.read((reader) => [...reader.range(prefixRange(bytes('n')))].map((entry) => entry.keyText(1)));
      expect(texts).toEqual(['ämé']);
    });

    it('stops at the limit', async () => {
      const state = await open();
      await state.write(['a', 'b', 'c'].map((key) => write(key, key)));
      expect(keysIn(state, 'a', 'z', { limit: 2 })).toEqual(['a', 'b']);
      expect(keysIn(state, 'a', 'z', { limit: 2, reverse: true })).toEqual(['c', 'b']);
    });

    it('finds all keys with a prefix, also one that ends in the highest byte', async () => {
      const state = await open();
      await state.write(
        ['r\xfe\xff', 'r\xff', 'r\xff\x00', 'r\xff\xff\xff', 's', 's\x00'].map((key) => write(key, '')),
      );
      const range = prefixRange(bytes('r\xff'));
      const found = state.read((reader) => [...reader.range(range)].map(({ key }) => key.toString('latin1')));
      expect(found).toEqual(['r\xff', 'r\xff\x00', 'r\xff\xff\xff']);
    });

    it('gives records that stay as they are when the state changes', async () => {
      const state = await open();
      await state.write([write('a', '1'), write('b', '1')]);
      const before = state.read((reader) => ({
        value: reader.get(bytes('a')),
        entries: [...reader.range(prefixRange(bytes('b')))],
      }));
      await state.write(Array.from({ length: 500 }, (_, at) => write(`a${at}`, 'x'.repeat(500))));
      await state.write([write('a', '2'), write('b', '2')]);
      expect(before.value).toEqual(bytes('1'));
      expect(before.entries.map(({ key, value }) => [key, value])).toEqual([[bytes('b'), bytes('1')]]);
    });
  });
}
