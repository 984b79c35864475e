import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { inGroups, readLines } from '../../../src/cli/read-lines.ts';

const open = new AbortController().signal;
const linesOf = async (chunks: readonly (string | Buffer)[]) =>
  (await Array.fromAsync(readLines(Readable.from(chunks.map((chunk) => Buffer.from(chunk))), open))).flat();

describe('the lines of an input', () => {
  it.each([
    ['in one piece', ['a\nb\n']],
    ['torn', ['a', '\n', 'b', '\n']],
    ['without a last end', ['a\nb']],
  ])('are told with their numbers: %s', async (_what, chunks) => {
    expect(await linesOf(chunks)).toEqual([
      { text: 'a', number: 1 },
      { text: 'b', number: 2 },
    ]);
  });

  it('keep a carriage return, which may be part of a name', async () => {
    expect((await linesOf(['a\r\nb\r', '\n'])).map(({ text }) => text)).toEqual(['a\r', 'b\r']);
  });

  it('keep their numbers behind blank ones, and a character that was torn', async () => {
    const bytes = Buffer.from('\n\né');
    expect(await linesOf([bytes.subarray(0, 3), bytes.subarray(3)])).toEqual([
      { text: '', number: 1 },
      { text: '', number: 2 },
      { text: 'é', number: 3 },
    ]);
  });

  it('are cut off where one would not end, whatever comes', async () => {
    const lines = await linesOf([...Array.from({ length: 50 }, () => 'x'.repeat(10_000)), '\nnext\n']);
    expect(lines.map(({ text }) => text.length < 20_000)).toEqual([true, true]);
    expect(lines[1]).toEqual({ text: 'next', number: 2 });
  });

  it('are none of an empty input', async () => {
    expect(await linesOf([])).toEqual([]);
  });

  it('end with the reason of the signal', async () => {
    const reading = Array.fromAsync(
      readLines(Readable.from([Buffer.from('a\n')]), AbortSignal.abort(new Error('stop'))),
    );
    await expect(reading).rejects.toThrow('stop');
  });

  it('come in groups of at least so many, the rest last', async () => {
    const groups = readLines(Readable.from(['a\nb\n', 'c\n', 'd\n', 'e\n'].map((text) => Buffer.from(text))), open);
    const sizes = (await Array.fromAsync(inGroups(groups, 3))).map((group) => group.length);
    expect(sizes).toEqual([3, 2]);
  });
});
