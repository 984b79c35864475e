import { describe, expect, it } from 'vitest';
import { oidOf } from '../../../src/base/oid.ts';
import {
  afterPositionKey,
  blobKey,
  keyPrefixBytes,
  keyPrefixes,
  oidOfKey,
  positionKey,
} from '../../../src/store/keys.ts';
import { oidAt } from './sample-blobs.ts';

describe('the key table', () => {
  it('gives no prefix twice, and all the same length', () => {
    const prefixes = Object.values(keyPrefixes);
    expect(new Set(prefixes).size).toBe(prefixes.length);
    expect(prefixes.filter((prefix) => prefix.length !== keyPrefixBytes)).toEqual([]);
  });

  it('keeps the prefixes of what is on disks', () => {
    expect(keyPrefixes).toMatchObject({
      objectAdoption: 'oa',
      objectBlob: 'ob',
      objectContent: 'oc',
      objectTotals: 'ot',
      objectCleanClose: 'ox',
      frontendHint: 'fh',
      frontendHintNumber: 'fn',
    });
  });

  it('begins each with the letter of its owner', () => {
    const owners = { object: 'o', metadata: 'm', coordinator: 'c', frontend: 'f' };
    for (const [name, prefix] of Object.entries(keyPrefixes)) {
      const owner = Object.entries(owners).find(([role]) => name.startsWith(role));
      expect(prefix[0], name).toBe(owner?.[1]);
    }
  });
});

describe('the key of a blob', () => {
  it('gives its id back', () => {
    const oid = oidOf(Buffer.from('some content'));
    expect(oidOfKey(blobKey('objectBlob', oid))).toBe(oid);
  });

  it.each([0n, 1n, 0x00ff_0000_0000_0000n, 2n ** 64n - 1n])('is between the bounds of its position %d', (position) => {
    for (const rest of [0, 1, 2 ** 40]) {
      const key = blobKey('objectBlob', oidAt(position, rest));
      expect(positionKey(position).compare(key)).toBeLessThan(0);
      expect(key.compare(afterPositionKey(position))).toBeLessThan(0);
    }
    const highest = blobKey(
      'objectBlob',
      oidAt(position).replace(/.{48}$/, 'f'.repeat(48)) as ReturnType<typeof oidAt>,
    );
    expect(highest.compare(afterPositionKey(position))).toBeLessThan(0);
    if (position > 0n) expect(afterPositionKey(position - 1n).compare(positionKey(position))).toBeLessThan(0);
  });
});
