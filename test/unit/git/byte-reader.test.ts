import { describe, expect, it } from 'vitest';
import { ByteReader } from '../../../src/git/byte-reader.ts';

async function* chunks(...texts: string[]): AsyncGenerator<Buffer> {
  for (const text of texts) yield Buffer.from(text);
}

async function drain(source: AsyncIterable<Buffer>): Promise<string> {
  let text = '';
  for await (const chunk of source) text += chunk.toString();
  return text;
}

describe('ByteReader', () => {
  it('joins chunks and keeps what is left over', async () => {
    const reader = new ByteReader(chunks('ab', '', 'cd', 'efg'));
    expect((await reader.read(3))?.toString()).toBe('abc');
    expect((await reader.read(1))?.toString()).toBe('d');
    expect(reader.offset).toBe(4);
    expect(await drain(reader.rest())).toBe('efg');
    expect(reader.offset).toBe(7);
  });

  it('tells a clean end from one in the middle of what was asked for', async () => {
    expect(await new ByteReader(chunks()).read(4)).toBeUndefined();
    await expect(new ByteReader(chunks('ab')).read(4)).rejects.toMatchObject({
      code: 'PROTOCOL_ERROR',
      message: expect.stringContaining('byte 2'),
    });
  });

  it('hands on an error of its source', async () => {
    const failing = (async function* () {
      yield Buffer.from('a');
      throw new Error('gone');
    })();
    await expect(new ByteReader(failing).read(2)).rejects.toThrow('gone');
  });

  it('pulls a chunk only when one is needed', async () => {
    let pulled = 0;
    const source = (async function* () {
      for (;;) {
        pulled += 1;
        yield Buffer.from('1234');
      }
    })();
    const reader = new ByteReader(source);
    await reader.read(2);
    await reader.read(2);
    expect(pulled).toBe(1);
  });

  it('ends its source when the reading of the rest stops early', async () => {
    let ended = false;
    const source = (async function* () {
      try {
        for (;;) yield Buffer.from('x');
      } finally {
        ended = true;
      }
    })();
    for await (const _ of new ByteReader(source).rest()) break;
    expect(ended).toBe(true);
  });
});
