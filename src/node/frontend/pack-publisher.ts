import type { Oid } from '../../base/oid.ts';
import { oidToBytes } from '../../base/oid.ts';
import type { BlobSource } from '../../replication/blob-source.ts';
import { FileBlobSource, type HashedFile } from '../../replication/file-blob-source.ts';
import { MemoryBlobSource } from '../../replication/memory-blob-source.ts';
import type { ObjectApi, PutOutcome } from '../../replication/object-api.ts';
import type { PackRef } from '../../rpc/gen/stratum/v1/metadata.ts';
import { packPath } from './bare-repository.ts';
import type { ReceivedPack } from './pack-receiver.ts';

/** A pack to be stored, and what maintenance makes of packs beside what git receives. */
export interface PackToPublish extends Pick<ReceivedPack, 'name' | 'objectCount'> {
  /** The pack's file, where its hash is known already. */
  readonly file?: HashedFile | undefined;
  /** There is a .bitmap file. */
  readonly hasBitmap?: boolean;
  /** A bundle's header, for which the pack holds all objects. */
  readonly bundleHeader?: Buffer | undefined;
  /** It holds what no ref reaches. */
  readonly isUnreachable?: boolean;
}

/** A pack whose files are durable on W of their nodes each. */
export interface PublishedPack {
  readonly ref: PackRef;
  /** Some copies were missing when W were there. */
  readonly degraded: boolean;
}

/** The publication of one pack; the files must stay until `settled`. */
export interface Publication {
  readonly published: Promise<PublishedPack>;
  /** Resolves, never rejects, when nothing reads the files any more. */
  readonly settled: Promise<void>;
}

/** Stores .pack, .idx, .rev and what else there is as blobs, in parallel, with the default level (W of N). */
export function publishPack(
  objects: ObjectApi,
  pack: PackToPublish,
  repositoryPath: string,
  signal: AbortSignal,
): Publication {
  const put = async (source: BlobSource): Promise<WrittenBlob> => {
    return { oid: source.oid, sizeBytes: source.size, outcome: await objects.put(source, { signal }) };
  };
  const write = async (extension: 'pack' | 'idx' | 'rev' | 'bitmap') =>
    put(await FileBlobSource.fromFile(packPath(repositoryPath, pack.name, extension)));
  const { bundleHeader } = pack;
  const writes: Writes<Promise<WrittenBlob>> = {
    pack: pack.file === undefined ? write('pack') : put(new FileBlobSource(pack.file)),
    index: write('idx'),
    reverseIndex: write('rev'),
    bitmap: pack.hasBitmap === true ? write('bitmap') : undefined,
    header: bundleHeader === undefined ? undefined : put(new MemoryBlobSource(bundleHeader)),
  };
  return { published: describePack(pack, writes), settled: settle(Object.values(writes)) };
}

interface WrittenBlob {
  readonly oid: Oid;
  readonly sizeBytes: number;
  readonly outcome: PutOutcome;
}

interface Writes<T> {
  readonly pack: T;
  readonly index: T;
  readonly reverseIndex: T;
  readonly bitmap: T | undefined;
  readonly header: T | undefined;
}

async function describePack(pack: PackToPublish, writes: Writes<Promise<WrittenBlob>>): Promise<PublishedPack> {
  // All are listened to at once: a failure that nobody awaits yet would end the process.
  const blobs = await Promise.all([writes.pack, writes.index, writes.reverseIndex, writes.bitmap, writes.header]);
  const [packBlob, index, reverseIndex, bitmap, header] = blobs;
  const ref: PackRef = {
    name: pack.name,
    packOid: oidToBytes(packBlob.oid),
    packSize: BigInt(packBlob.sizeBytes),
    indexOid: oidToBytes(index.oid),
    indexSize: BigInt(index.sizeBytes),
    reverseIndexOid: oidToBytes(reverseIndex.oid),
    reverseIndexSize: BigInt(reverseIndex.sizeBytes),
    bitmapOid: bitmap === undefined ? Buffer.alloc(0) : oidToBytes(bitmap.oid),
    bitmapSize: BigInt(bitmap?.sizeBytes ?? 0),
    objectCount: BigInt(pack.objectCount),
    addedAtMs: 0n,
    ...(header && { bundleHeaderOid: oidToBytes(header.oid), bundleHeaderSize: BigInt(header.sizeBytes) }),
    ...(pack.isUnreachable && { unreachable: true }),
  };
  return { ref, degraded: blobs.some((blob) => blob?.outcome.degraded === true) };
}

async function settle(writes: readonly (Promise<WrittenBlob> | undefined)[]): Promise<void> {
  for (const result of await Promise.allSettled(writes)) {
    if (result.status === 'fulfilled') await result.value?.outcome.settled;
  }
}
