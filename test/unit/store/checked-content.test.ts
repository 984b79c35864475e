import { describe, expect, it } from 'vitest';
import { oidOf } from '../../../src/base/oid.ts';
import { checkedContent } from '../../../src/store/checked-content.ts';
import { bytesOf, chunksOf, contentOf } from './sample-blobs.ts';

const content = contentOf(1_000);
const oid = oidOf(content);

describe('checkedContent', () => {
  it.each([1, 7, 999, 1_000, 5_000])('passes good content on in chunks of %d bytes', async (chunkBytes) => {
    const passed = await bytesOf(checkedContent(oid, 1_000, chunksOf(content, chunkBytes)));
    expect(passed.equals(content)).toBe(true);
  });

  it('stops at the first byte too many, before the end of an endless sender', async () => {
    let sent = 0;
    const endless = async function* () {
      for (;;) {
        sent += 1;
        yield contentOf(400);
      }
    };
    await expect(bytesOf(checkedContent(oid, 1_000, endless()))).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      details: { field: 'size', expected: '1000 bytes' },
    });
    expect(sent).toBe(3);
  });

  it('says how many bytes were missing', async () => {
    await expect(bytesOf(checkedContent(oid, 1_001, chunksOf(content)))).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringContaining('only 1000 bytes'),
    });
  });

  it('names the hash that was expected and the one that came', async () => {
    const other = contentOf(1_000, 2);
    await expect(bytesOf(checkedContent(oid, 1_000, chunksOf(other)))).rejects.toMatchObject({
      code: 'CHECKSUM_MISMATCH',
      details: { oid, expected: oid, got: oidOf(other) },
    });
  });
});
