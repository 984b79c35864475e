import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { StratumError } from '../../base/errors.ts';
import { TopologyUpdate as UpdateMessage } from '../../rpc/gen/stratum/v1/coordinator.ts';
import { Topology as TopologyMessage } from '../../rpc/gen/stratum/v1/types.ts';
import { decodeHeartbeatBatch, encodeHeartbeatBatch } from '../../rpc/heartbeat-batch-codec.ts';
import { decodeTopology, decodeUpdate, encodeTopology, encodeUpdate } from '../../rpc/topology-codec.ts';
import type { HeartbeatBatch } from '../../topology/heartbeat-batch.ts';
import type { Topology, TopologyUpdate } from '../../topology/topology.ts';
import type { KeyRange } from './coordination-store.ts';

/**
 * The keys of a cluster in etcd, below its prefix:
 *   leader            who leads; held by the leader's lease; its creation revision is the term
 *   nominee           who alone may be the next leader for a moment; held by a short lease
 *   coordinators/ID   a coordinator that is alive; held by its lease
 *   head              the topology's version, in decimal digits: every write of the topology is guarded by it
 *   updates/VERSION   one update (20 digits, so that keys sort by version)
 *   snapshot          a topology, to which the updates above its version are applied
 *   heartbeats        the leader's memory of heartbeats
 * Values other than head begin with a version byte.
 */
export const etcdKeys = {
  leader: 'leader',
  nominee: 'nominee',
  coordinators: 'coordinators/',
  head: 'head',
  updates: 'updates/',
  snapshot: 'snapshot',
  heartbeats: 'heartbeats',
} as const;

/** The range of all keys below one that ends with "/". */
export function below(folder: string): KeyRange {
  return { start: folder, end: `${folder.slice(0, -1)}0` }; // "0" comes right after "/".
}

/** The key of one coordinator's sign of life. */
export function coordinatorKey(nodeId: string): string {
  return etcdKeys.coordinators + nodeId;
}

/** The key of one update. */
export function updateKey(version: bigint): string {
  return etcdKeys.updates + version.toString().padStart(20, '0');
}

/** Updates above a version. */
export function updatesAbove(version: bigint): KeyRange {
  return { start: updateKey(version + 1n), end: below(etcdKeys.updates).end ?? '' };
}

/** Who holds a key that names a coordinator. */
export interface HolderRecord {
  readonly nodeId: string;
  /** host:port of its gRPC listener. */
  readonly address: string;
  /** The lease that holds the key: tells one run of a coordinator from the next. */
  readonly session: string;
}

const recordVersion = 1;

/** The value of the keys leader, nominee and coordinators/ID. */
export function encodeHolder(holder: HolderRecord): Uint8Array {
  return record(Buffer.from(JSON.stringify(holder)));
}

/** DATA_CORRUPT for bytes that are no such value. */
export function decodeHolder(bytes: Uint8Array): HolderRecord {
  return decoded('the leader', () => {
    const value: unknown = JSON.parse(content(bytes).toString());
    if (typeof value !== 'object' || value === null) throw new TypeError('not an object');
    const { nodeId, address, session } = value as Record<string, unknown>;
    if (typeof nodeId !== 'string' || typeof address !== 'string' || typeof session !== 'string') {
      throw new TypeError('a field is missing');
    }
    return { nodeId, address, session };
  });
}

/** The value of an update's key. */
export function encodeUpdateRecord(update: TopologyUpdate): Uint8Array {
  return record(UpdateMessage.encode(encodeUpdate(update)).finish());
}

/** DATA_CORRUPT for bytes that are no such value. */
export function decodeUpdateRecord(bytes: Uint8Array): TopologyUpdate {
  return decoded('an update', () => decodeUpdate(UpdateMessage.decode(content(bytes))));
}

/** The value of the snapshot; compressed, for etcd takes 1.5 MiB a request and a thousand nodes are a quarter of that. */
export function encodeSnapshot(topology: Topology): Uint8Array {
  return record(deflateRawSync(TopologyMessage.encode(encodeTopology(topology)).finish()));
}

/** DATA_CORRUPT for bytes that are no such value. */
export function decodeSnapshot(bytes: Uint8Array): Topology {
  return decoded('the snapshot', () => decodeTopology(TopologyMessage.decode(inflateRawSync(content(bytes)))));
}

/** The value of the key heartbeats. */
export function encodeHeartbeats(batch: HeartbeatBatch): Uint8Array {
  return record(encodeHeartbeatBatch(batch));
}

/** DATA_CORRUPT for bytes that are no such value. */
export function decodeHeartbeats(bytes: Uint8Array): HeartbeatBatch {
  return decoded('the heartbeats', () => decodeHeartbeatBatch(content(bytes)));
}

/** The value of the key head. */
export function encodeHead(version: bigint): Uint8Array {
  return Buffer.from(version.toString());
}

/** DATA_CORRUPT for bytes that are no such value. */
export function decodeHead(bytes: Uint8Array): bigint {
  return decoded('the version', () => {
    const text = Buffer.from(bytes).toString();
    if (!/^\d{1,20}$/.test(text)) throw new RangeError(`"${text.slice(0, 40)}" is no version`);
    return BigInt(text);
  });
}

function record(bytes: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.of(recordVersion), bytes]);
}

function content(bytes: Uint8Array): Buffer {
  if (bytes[0] === recordVersion) return Buffer.from(bytes.buffer, bytes.byteOffset + 1, bytes.byteLength - 1);
  throw new RangeError(`record version ${bytes[0]}, expected ${recordVersion}`);
}

function decoded<T>(what: string, decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new StratumError('DATA_CORRUPT', `etcd holds ${what} in a form that cannot be read: ${reason}`, undefined, {
      hint: 'another program writes below this prefix, or a newer version of stratum did',
      cause: error,
    });
  }
}
