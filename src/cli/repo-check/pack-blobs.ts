import { type Oid, oidFromBytes } from '../../base/oid.ts';
import type { PackRef } from '../../rpc/gen/stratum/v1/metadata.ts';

/** A file of a pack, which is one blob. */
export interface PackBlob {
  /** As git would name the file: "pack-<digits>.idx"; a bundle's header is "pack-<digits>.bundle-header". */
  readonly file: string;
  readonly oid: Oid;
}

/** The blobs that a pack consists of. */
export function blobsOfPack(pack: PackRef): readonly PackBlob[] {
  const files: readonly (readonly [string, Uint8Array])[] = [
    ['pack', pack.packOid],
    ['idx', pack.indexOid],
    ['rev', pack.reverseIndexOid],
    ['bitmap', pack.bitmapOid],
    ['bundle-header', pack.bundleHeaderOid ?? Buffer.alloc(0)],
  ];
  return files
    .filter(([kind, oid]) => oid.length > 0 || kind === 'pack' || kind === 'idx')
    .map(([kind, oid]) => ({ file: `pack-${pack.name}.${kind}`, oid: oidFromBytes(oid, `${kind} of ${pack.name}`) }));
}
