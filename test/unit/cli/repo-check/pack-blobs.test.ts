import { expect, it } from 'vitest';
import { blobsOfPack } from '../../../../src/cli/repo-check/pack-blobs.ts';
import { PackRef } from '../../../../src/rpc/gen/stratum/v1/metadata.ts';

const required = { name: 'ab', packOid: Buffer.alloc(32, 1), indexOid: Buffer.alloc(32, 2) };

it.each([
  ['what every pack has', {}, ['pack-ab.pack', 'pack-ab.idx']],
  [
    'all that a pack can have',
    {
      reverseIndexOid: Buffer.alloc(32, 3),
      bitmapOid: Buffer.alloc(32, 4),
      bundleHeaderOid: Buffer.alloc(32, 5),
    },
    ['pack-ab.pack', 'pack-ab.idx', 'pack-ab.rev', 'pack-ab.bitmap', 'pack-ab.bundle-header'],
  ],
])('the blobs of a pack are %s', (_, changes, files) => {
  const blobs = blobsOfPack(PackRef.create({ ...required, ...changes }));
  expect(blobs.map(({ file }) => file)).toEqual(files);
  expect(blobs.map(({ oid }) => oid.slice(0, 2))).toEqual(files.map((_file, at) => `0${at + 1}`));
});
