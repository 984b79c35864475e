import { describe, expect, it } from 'vitest';
import {
  decodeAnswer,
  decodeBytes,
  decodeChanges,
  decodeNumber,
  decodePack,
  decodeRef,
  decodeRepo,
  encodeAnswer,
  encodeBytes,
  encodeChanges,
  encodeNumber,
  encodePack,
  encodeRef,
  encodeRepo,
} from '../../../../src/node/metadata/state-records.ts';
import { Repo, RepoLogEntry, UpdateRefsResponse } from '../../../../src/rpc/gen/stratum/v1/metadata.ts';
import { pack } from './sample-metadata.ts';

const sha1 = 'ab'.repeat(20);
const sha256 = 'cd'.repeat(32);
const repo = { repo: Repo.create({ name: 'a/b', refCount: 2n ** 63n }), refBytes: 2 ** 40 };
const answer = {
  atMs: 1_700_000_000_000n,
  digest: Buffer.alloc(32, 5),
  response: UpdateRefsResponse.create({
    refsGeneration: 7n,
    results: [{ name: 'refs/x', updated: false, errorCode: 'A', errorMessage: 'b' }],
  }),
};
const common = { index: 9n, epoch: 2n, atMs: 3n, actor: 'ada', pushId: Buffer.alloc(16, 1) };
const changes = ['refs/x', 'refs/y'].map((ref) => RepoLogEntry.create({ ...common, ref, oldId: sha1, newId: sha1 }));

describe('records of the metadata store', () => {
  it.each([
    ['one SHA-1', sha1, ''],
    ['a SHA-1 tag', sha1, sha1],
    ['one SHA-256', sha256, ''],
    ['a SHA-256 tag', sha256, sha256],
  ])('keep a ref with %s', (_, objectId, peeledId) => {
    const bytes = encodeRef({ objectId, peeledId });
    expect(bytes).toHaveLength(1 + (objectId.length + peeledId.length) / 2);
    expect(decodeRef('refs/x', bytes)).toEqual({ name: 'refs/x', objectId, peeledId });
  });

  it('keep repositories, packs, changes, answers, numbers and bytes', () => {
    expect(decodeRepo(encodeRepo(repo))).toEqual(repo);
    expect(decodePack(encodePack(pack(3)))).toEqual(pack(3));
    expect(decodeChanges(encodeChanges(changes))).toEqual(changes);
    expect(decodeAnswer(encodeAnswer(answer))).toEqual(answer);
    expect(decodeNumber(encodeNumber(2n ** 63n))).toBe(2n ** 63n);
    expect(decodeBytes(encodeBytes(Buffer.from('x')))).toEqual(Buffer.from('x'));
  });

  it.each([
    ['a repository', encodeRepo(repo), decodeRepo],
    ['a pack', encodePack(pack(3)), decodePack],
    ['changes', encodeChanges(changes), decodeChanges],
    ['an answer', encodeAnswer(answer), decodeAnswer],
    ['a number', encodeNumber(1n), decodeNumber],
    ['a ref', encodeRef({ objectId: sha1, peeledId: '' }), (bytes: Buffer) => decodeRef('refs/x', bytes)],
  ])('of another version, or cut short, say that they cannot be read: %s', (_, bytes, decode) => {
    expect(bytes[0]).toBe(1);
    const later = Buffer.concat([Buffer.of(2), bytes.subarray(1)]);
    for (const bad of [later, Buffer.alloc(0), bytes.subarray(0, 4)]) {
      expect(() => decode(bad)).toThrow(expect.objectContaining({ code: 'DATA_CORRUPT' }));
    }
  });
});
