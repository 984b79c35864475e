import type { BlobSource } from '../replication/blob-source.ts';
import type { ConsistencyLevel, ObjectApi } from '../replication/object-api.ts';
import type { CommandIo } from './io.ts';
import type { ReplicaPlacer } from './locate/replica.ts';
import { withBlobSource } from './with-blob-source.ts';

/** One of a stored blob's own nodes. */
interface StoredReplica {
  readonly nodeId: string;
  readonly address: string;
  readonly stored: boolean;
  /** Why it does not have the blob. */
  readonly error: string;
}

/** A file and what became of it. */
export interface StoredFile {
  /** As it was given; "-" is stdin. */
  readonly file: string;
  readonly oid: string;
  readonly size: number;
  readonly ringEpoch: bigint;
  /** Copies that acknowledge it; 0 in a dry run. */
  readonly required: number;
  readonly achieved: number;
  /** Fewer copies are there than the blob has nodes. */
  readonly degraded: boolean;
  readonly replicas: readonly StoredReplica[];
}

/** What files are stored with. */
export interface PutFilesModules {
  readonly io: CommandIo;
  readonly placer: ReplicaPlacer;
  /** Absent in a dry run, which only says what would be stored where. */
  readonly objects: ObjectApi | undefined;
}

/** Stores a file and waits until its slower replicas have it too, or failed. */
export function putFile(file: string, level: ConsistencyLevel, modules: PutFilesModules): Promise<StoredFile> {
  return withBlobSource(file, modules.io, (blob) => putBlob(file, blob, level, modules));
}

async function putBlob(
  file: string,
  blob: BlobSource,
  level: ConsistencyLevel,
  { io, placer, objects }: PutFilesModules,
): Promise<StoredFile> {
  const placed = placer.replicasOf(blob.oid);
  const found = { file, oid: blob.oid, size: blob.size, ringEpoch: placer.topology.ring.epoch };
  if (objects === undefined) {
    const replicas = placed.map(({ nodeId, address }) => ({ nodeId, address, stored: false, error: '' }));
    return { ...found, required: 0, achieved: 0, degraded: false, replicas };
  }
  const outcome = await objects.put(blob, { level, signal: io.interrupted });
  // The blob is durable already; the file must stay until the slower replicas have read it.
  const settled = await outcome.settled;
  const errors = new Map(settled.failures.map(({ nodeId, error }) => [nodeId, error.message]));
  const replicas = placed.map(({ nodeId, address }) => {
    const error = errors.get(nodeId) ?? '';
    return { nodeId, address, stored: error === '', error };
  });
  const degraded = settled.succeeded < placer.topology.ring.replicationFactor;
  return { ...found, required: outcome.required, achieved: settled.succeeded, degraded, replicas };
}
