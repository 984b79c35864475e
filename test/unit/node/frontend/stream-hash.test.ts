import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { StreamHash } from '../../../../src/node/frontend/stream-hash.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'stream-hash-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

async function* cut(content: Buffer, sizes: readonly number[]) {
  let at = 0;
  for (const size of sizes) {
    yield content.subarray(at, at + size);
    at += size;
  }
  yield content.subarray(at);
}

/** What is known of a file after a stream has passed. */
async function known(stream: Buffer, file: Buffer, sizes: readonly number[] = []) {
  const hash = new StreamHash();
  const passed = Buffer.concat(await Array.fromAsync(hash.passing(cut(stream, sizes))));
  expect(passed.equals(stream)).toBe(true);
  const path = join(folder, 'file');
  writeFileSync(path, file);
  return await hash.fileOf(path);
}

describe('StreamHash', () => {
  it('knows the hash of a file that is what passed, however it was cut', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 32, maxLength: 200 }), fc.array(fc.nat(40)), async (bytes, sizes) => {
        const content = Buffer.from(bytes);
        const oid = createHash('sha256').update(content).digest('hex');
        expect(await known(content, content, sizes)).toMatchObject({ oid, size: content.length });
      }),
      { numRuns: 50 },
    );
  });

  const content = Buffer.from('x'.repeat(100));
  it.each([
    { what: 'that git completed', file: Buffer.concat([content, Buffer.from('y')]) },
    { what: 'without what followed the pack', file: content.subarray(0, 90) },
    { what: 'with another trailer', file: Buffer.concat([content.subarray(0, 99), Buffer.from('y')]) },
  ])('knows nothing of a file $what', async ({ file }) => {
    expect(await known(content, file)).toBeUndefined();
  });

  it('knows nothing of what is too short for a pack', async () => {
    expect(await known(content.subarray(0, 31), content.subarray(0, 31))).toBeUndefined();
  });
});
