import { describe, expect, it } from 'vitest';
import {
  emptyHeader,
  encodeHeader,
  readHeader,
} from '../../../../../src/node/metadata/replication/partition-header.ts';
import { memoryDisk, prepare } from '../memory-disk.ts';

const header = {
  applied: { index: 2n ** 40n, epoch: 2n },
  base: { index: 3n, epoch: 1n },
  epoch: 2n ** 50n + 1n,
  isPartial: false,
};

async function stored(bytes: Buffer | undefined) {
  const disk = memoryDisk();
  await prepare(disk, (to) => to.writeHeader(3, bytes));
  return () => disk.store.read((reader) => readHeader(reader, 3));
}

describe('the header of a partition', () => {
  it.each([header, { ...header, isPartial: true }, emptyHeader])('is read as it was written: %o', async (written) => {
    expect((await stored(encodeHeader(written)))()).toEqual(written);
  });

  it('of a partition that was never here stands before the first entry', async () => {
    expect((await stored(undefined))()).toEqual(emptyHeader);
  });

  it.each([
    ['another version', Buffer.concat([Buffer.of(2), encodeHeader(header).subarray(1)])],
    ['a version before the first', Buffer.concat([Buffer.of(0), encodeHeader(header).subarray(1)])],
    ['too few bytes', encodeHeader(header).subarray(0, -1)],
    ['too many bytes', Buffer.concat([encodeHeader(header), Buffer.of(0)])],
    ['no bytes', Buffer.alloc(0)],
  ])('is refused with %s', async (_, bytes) => {
    expect(await stored(bytes)).toThrow(expect.objectContaining({ code: 'DATA_CORRUPT' }));
  });
});
