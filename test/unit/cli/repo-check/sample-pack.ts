import { type Oid, oidOf, oidToBytes } from '../../../../src/base/oid.ts';
import type { PackRef } from '../../../../src/rpc/gen/stratum/v1/metadata.ts';

const headBytes = 8 + 256 * 4;

/** The part of a pack index that is read: its head and the sorted ids of its objects. */
export function sampleIndex(objectIds: readonly string[]): Buffer {
  const sorted = objectIds.toSorted().map((id) => Buffer.from(id, 'hex'));
  const head = Buffer.alloc(headBytes);
  head.set([0xff, 0x74, 0x4f, 0x63, 0, 0, 0, 2]);
  for (let byte = 0; byte < 256; byte += 1) {
    head.writeUInt32BE(sorted.filter((id) => (id[0] ?? 0) <= byte).length, 8 + byte * 4);
  }
  return Buffer.concat([head, ...sorted]);
}

/** The blobs of a pack, by the ends of their files' names. */
export interface SamplePack {
  readonly ref: PackRef;
  readonly oids: { readonly pack: Oid; readonly idx: Oid; readonly rev: Oid };
}

/** A pack of objects without a bitmap; `hold` stores its blobs. */
export function samplePack(
  name: string,
  objectIds: readonly string[],
  hold: (content: Buffer) => void,
  index: Buffer = sampleIndex(objectIds),
): SamplePack {
  const stored = (content: Buffer): { oid: Oid; bytes: Buffer; size: bigint } => {
    hold(content);
    const oid = oidOf(content);
    return { oid, bytes: oidToBytes(oid), size: BigInt(content.length) };
  };
  const [pack, idx, rev] = [stored(Buffer.from(`pack ${name}`)), stored(index), stored(Buffer.from(`rev ${name}`))];
  return {
    oids: { pack: pack.oid, idx: idx.oid, rev: rev.oid },
    ref: {
      name,
      packOid: pack.bytes,
      packSize: pack.size,
      indexOid: idx.bytes,
      indexSize: idx.size,
      reverseIndexOid: rev.bytes,
      reverseIndexSize: rev.size,
      bitmapOid: Buffer.alloc(0),
      bitmapSize: 0n,
      objectCount: BigInt(objectIds.length),
      addedAtMs: 1_700_000_000_000n,
    },
  };
}
