import { describe, expect, it } from 'vitest';
import {
  decodeAlias,
  decodeAnswer,
  decodeBytes,
  decodeChanges,
  decodeIntent,
  decodeMaintenanceLease,
  decodeNumber,
  decodePack,
  decodePacksReplacement,
  decodeRef,
  decodeRepo,
  encodeAlias,
  encodeAnswer,
  encodeBytes,
  encodeChanges,
  encodeIntent,
  encodeMaintenanceLease,
  encodeNumber,
  encodePack,
  encodePacksReplacement,
  encodeRef,
  encodeRepo,
} from '../../../../src/node/metadata/state-records.ts';
import { Repo, RepoLogEntry, UpdateRefsResponse } from '../../../../src/rpc/gen/stratum/v1/metadata.ts';
import { pack } from './sample-requests.ts';

const sha1 = 'ab'.repeat(20);
const sha256 = 'cd'.repeat(32);
const repo = {
  repo: Repo.create({ name: 'a/b', refCount: 2n ** 63n, deletedAtMs: 5n, purgeAtMs: 6n }),
  refBytes: 2 ** 40,
  nameToken: Buffer.alloc(16, 7),
  requestId: Buffer.alloc(16, 8),
  purging: true,
};
const alias = { repoId: '1'.repeat(32), home: 9, token: Buffer.alloc(16, 7) };
const intent = { name: 'a/b', newName: 'c/d', token: Buffer.alloc(16, 7), begunAtMs: 5n };
const replacement = { digest: Buffer.alloc(32, 5), expectedGeneration: 3n, packsGeneration: 4n };
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

  it('keep repositories, reserved names, renames, packs, changes, answers, numbers and bytes', () => {
    expect(decodeRepo(encodeRepo(repo))).toEqual(repo);
    expect(decodeAlias(encodeAlias(alias))).toEqual(alias);
    expect(decodeIntent(encodeIntent(intent))).toEqual(intent);
    expect(decodePacksReplacement(encodePacksReplacement(replacement))).toEqual(replacement);
    expect(decodePack(encodePack(pack(3)))).toEqual(pack(3));
    expect(decodeChanges(encodeChanges(changes))).toEqual(changes);
    expect(decodeAnswer(encodeAnswer(answer))).toEqual(answer);
    const lease = { holder: 'f1/ab', expiresAtMs: 2n ** 60n };
    expect(decodeMaintenanceLease(encodeMaintenanceLease(lease))).toEqual(lease);
    expect(decodeNumber(encodeNumber(2n ** 63n))).toBe(2n ** 63n);
    expect(decodeBytes(encodeBytes(Buffer.from('x')))).toEqual(Buffer.from('x'));
  });

  it('read a repository of the first version', () => {
    const written = { name: 'a/b', refCount: 3n };
    const bytes = Buffer.concat([
      Buffer.of(1),
      Buffer.alloc(7),
      Buffer.of(9),
      Repo.encode(Repo.create(written)).finish(),
    ]);
    expect(decodeRepo(bytes)).toEqual({
      repo: Repo.create(written),
      refBytes: 9,
      nameToken: Buffer.alloc(0),
      requestId: Buffer.alloc(0),
      purging: false,
    });
  });

  it.each([
    ['a repository', encodeRepo(repo), decodeRepo],
    ['a repository without content', Buffer.of(2), decodeRepo],
    ['a reserved name', encodeAlias(alias), decodeAlias],
    ['a rename', encodeIntent(intent), decodeIntent],
    ['a lease of maintenance', encodeMaintenanceLease({ holder: 'f1', expiresAtMs: 5n }), decodeMaintenanceLease],
    ['a replacement of packs', encodePacksReplacement(replacement), decodePacksReplacement],
    ['a pack', encodePack(pack(3)), decodePack],
    ['changes', encodeChanges(changes), decodeChanges],
    ['an answer', encodeAnswer(answer), decodeAnswer],
    ['a number', encodeNumber(1n), decodeNumber],
    ['a ref', encodeRef({ objectId: sha1, peeledId: '' }), (bytes: Buffer) => decodeRef('refs/x', bytes)],
  ])('of another version, or cut short, say that they cannot be read: %s', (_, bytes, decode) => {
    const later = Buffer.concat([Buffer.of((bytes[0] ?? 0) + 1), bytes.subarray(1)]);
    for (const bad of [later, Buffer.alloc(0), bytes.subarray(0, 4)]) {
      expect(() => decode(bad)).toThrow(expect.objectContaining({ code: 'DATA_CORRUPT' }));
    }
  });
});
