import type { Oid } from '../../base/oid.ts';
import { oidToBytes } from '../../base/oid.ts';
import { FileBlobSource } from '../../replication/file-blob-source.ts';
import type { ObjectApi, PutOutcome } from '../../replication/object-api.ts';
import type { PackRef } from '../../rpc/gen/stratum/v1/metadata.ts';
import { packPath } from './bare-repository.ts';
import type { ReceivedPack } from './pack-receiver.ts';

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

/** Stores .pack, .idx and .rev as blobs, in parallel, with the default level (W of N). */
export function publishPack(
  objects: ObjectApi,
  pack: ReceivedPack,
  repositoryPath: string,
  signal: AbortSignal,
): Publication {
  const write = async (extension: 'pack' | 'idx' | 'rev'): Promise<WrittenBlob> => {
    const source = await FileBlobSource.fromFile(packPath(repositoryPath, pack.name, extension));
    return { oid: source.oid, sizeBytes: source.size, outcome: await objects.put(source, { signal }) };
  };
  const writes = [write('pack'), write('idx'), write('rev')] as const;
  return { published: Promise.all(writes).then((blobs) => describePack(pack, blobs)), settled: settle(writes) };
}

interface WrittenBlob {
  readonly oid: Oid;
  readonly sizeBytes: number;
  readonly outcome: PutOutcome;
}

function describePack(pack: ReceivedPack, blobs: readonly [WrittenBlob, WrittenBlob, WrittenBlob]): PublishedPack {
  const [packBlob, index, reverseIndex] = blobs;
  const ref: PackRef = {
    name: pack.name,
    packOid: oidToBytes(packBlob.oid),
    packSize: BigInt(packBlob.sizeBytes),
    indexOid: oidToBytes(index.oid),
    indexSize: BigInt(index.sizeBytes),
    reverseIndexOid: oidToBytes(reverseIndex.oid),
    reverseIndexSize: BigInt(reverseIndex.sizeBytes),
    bitmapOid: Buffer.alloc(0),
    bitmapSize: 0n,
    objectCount: BigInt(pack.objectCount),
    addedAtMs: 0n,
  };
  return { ref, degraded: blobs.some(({ outcome }) => outcome.degraded) };
}

async function settle(writes: readonly Promise<WrittenBlob>[]): Promise<void> {
  for (const result of await Promise.allSettled(writes)) {
    if (result.status === 'fulfilled') await result.value.outcome.settled;
  }
}
