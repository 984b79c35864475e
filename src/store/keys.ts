import { type Oid, oidBytes } from '../base/oid.ts';

/**
 * Every key of every LMDB file that Stratum writes begins with one of these prefixes: a letter for
 * the owner ('c' coordinator, 'f' frontend, 'm' metadata, 'o' object), then what it is. A prefix is never given
 * another meaning, and one that is no longer written stays listed. Each record begins with a version byte.
 */
export const keyPrefixes = {
  /** Coordinator, embedded driver: the leader's memory of heartbeats, replaced at most once a second; nothing follows. */
  coordinatorHeartbeats: 'ch',
  /** Coordinator, embedded driver: the highest term given out; nothing follows. */
  coordinatorTerm: 'ce',
  /** Coordinator, embedded driver: the latest topology; nothing follows. */
  coordinatorTopology: 'ct',
  /** Coordinator, embedded driver: one update; followed by its version as 8 bytes, big-endian. */
  coordinatorUpdate: 'cu',
  /** Frontend: a hint (hint-record.ts); followed by the node id, a NUL, and the hint's number as 8 bytes, big-endian. */
  frontendHint: 'fh',
  /** Frontend: the number of the hint for a node and a blob; followed by the node id, a NUL, and the 32 bytes of the blob's id. */
  frontendHintNumber: 'fn',
  /** Metadata node: up to where the database has taken the journal in (journaled-metadata-store.ts); nothing follows. */
  metadataJournal: 'mj',
  /** Metadata node: one operation of a partition's log; followed by the partition (2 bytes) and the index (8), big-endian. */
  metadataLog: 'ml',
  /** Metadata node: up to where a partition's log is applied; followed by the partition as 2 bytes, big-endian. */
  metadataPosition: 'mp',
  /** Metadata node: a partition's state; followed by the partition (2 bytes, big-endian) and the row (state-keys.ts). */
  metadataState: 'ms',
  /** Object node: present while a new index takes in the files that it found (adopt-files.ts); nothing follows. */
  objectAdoption: 'oa',
  /** Object node: the record of a blob (blob-record.ts); followed by the 32 bytes of its id. */
  objectBlob: 'ob',
  /** Object node: the content of a small blob (content-row.ts); followed by the 32 bytes of its id. */
  objectContent: 'oc',
  /** Object node: counts and sizes of all blobs (blob-totals.ts); nothing follows. */
  objectTotals: 'ot',
  /** Object node: present only after a clean close; nothing follows. */
  objectCleanClose: 'ox',
} as const;

/** Name of a row of the key table. */
export type KeyPrefixName = keyof typeof keyPrefixes;

/** Bytes of every prefix. */
export const keyPrefixBytes = 2;

/** The key of a single record. */
export function singleKey(name: KeyPrefixName): Buffer {
  return Buffer.from(keyPrefixes[name], 'latin1');
}

/** The key of a blob's record or content. */
export function blobKey(name: 'objectBlob' | 'objectContent', oid: Oid): Buffer {
  // Made for every blob of every batch: one allocation, and no intermediate ones.
  const key = Buffer.allocUnsafe(keyPrefixBytes + oidBytes);
  key.write(keyPrefixes[name], 0, 'latin1');
  key.write(oid, keyPrefixBytes, 'hex');
  return key;
}

/** The blob id at the end of a key. */
export function oidOfKey(key: Uint8Array): Oid {
  return Buffer.from(key.subarray(keyPrefixBytes, keyPrefixBytes + oidBytes)).toString('hex') as Oid;
}

/** The lowest possible key of a blob at a position. */
export function positionKey(position: bigint): Buffer {
  const key = Buffer.alloc(keyPrefixBytes + 8);
  key.write(keyPrefixes.objectBlob, 'latin1');
  key.writeBigUInt64BE(position, keyPrefixBytes);
  return key;
}

/** A key above every blob at a position. */
export function afterPositionKey(position: bigint): Buffer {
  return Buffer.concat([positionKey(position), Buffer.alloc(oidBytes - 8 + 1, 0xff)]);
}
