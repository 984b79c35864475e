import { asStratumError, StratumError } from '../../base/errors.ts';
import {
  GetRepoLogResponse,
  MaintenanceLease,
  NameAlias,
  PackRef,
  PacksReplacement,
  type Ref,
  RenameIntent,
  Repo,
  RepoLogEntry,
  RepoRecord,
  UpdateRefsResponse,
} from '../../rpc/gen/stratum/v1/metadata.ts';

/**
 * The records of a partition's state. Each begins with a version byte; what follows is the
 * protocol's own encoding, but for the many and small ones: a ref is the bytes of its object id,
 * then those of its peeled id if it has one.
 */
const recordVersion = 1;

/** A repository is a RepoRecord since it has more than its refs' size beside it: version 1 is that size and a Repo. */
const repoRecordVersion = 2;

/** A repository as it is stored. */
export interface StoredRepo {
  readonly repo: Repo;
  /** What its refs take in an answer, in bytes; bounded so that GetRefs always fits into one message. */
  readonly refBytes: number;
  /** What its name is reserved with in the partition that the name leads to; empty when that is its own. */
  readonly nameToken: Buffer;
  /** The request that created it; empty when it had no id. */
  readonly requestId: Buffer;
  /** Its content is being removed: it cannot be restored any more. */
  readonly purging: boolean;
}

/** The answer to a push as it is stored. */
export interface StoredAnswer {
  readonly atMs: bigint;
  /** SHA-256 of what was asked, so that a push id is not answered for another push. */
  readonly digest: Buffer;
  /** Only the refs that were not updated; the others follow from the repeated request. */
  readonly response: UpdateRefsResponse;
}

const digestBytes = 32;

export function encodeRepo({ refBytes, ...stored }: StoredRepo): Buffer {
  const record = RepoRecord.encode({ ...stored, refBytes: BigInt(refBytes) }).finish();
  return Buffer.concat([Buffer.of(repoRecordVersion), record]);
}

export function decodeRepo(bytes: Buffer): StoredRepo {
  const what = 'a repository';
  if (bytes[0] !== repoRecordVersion) return decode(what, bytes, decodeFirstRepo);
  const { repo, refBytes, nameToken, requestId, purging } = read(what, bytes, (content) => RepoRecord.decode(content));
  if (repo === undefined) throw corrupt(what, bytes);
  return { repo, refBytes: Number(refBytes), nameToken, requestId, purging };
}

function decodeFirstRepo(content: Buffer): StoredRepo {
  return {
    refBytes: Number(content.readBigUInt64BE(0)),
    repo: Repo.decode(content.subarray(8)),
    nameToken: Buffer.alloc(0),
    requestId: Buffer.alloc(0),
    purging: false,
  };
}

export function encodeAlias(alias: NameAlias): Buffer {
  return record(NameAlias.encode(alias).finish());
}

export function decodeAlias(bytes: Buffer): NameAlias {
  return decode('a reserved name', bytes, (content) => NameAlias.decode(content));
}

export function encodeIntent(intent: RenameIntent): Buffer {
  return record(RenameIntent.encode(intent).finish());
}

export function decodeIntent(bytes: Buffer): RenameIntent {
  return decode('a rename', bytes, (content) => RenameIntent.decode(content));
}

export function encodePacksReplacement(replacement: PacksReplacement): Buffer {
  return record(PacksReplacement.encode(replacement).finish());
}

export function decodePacksReplacement(bytes: Buffer): PacksReplacement {
  return decode('a replacement of packs', bytes, (content) => PacksReplacement.decode(content));
}

export function encodeMaintenanceLease(lease: MaintenanceLease): Buffer {
  return record(MaintenanceLease.encode(lease).finish());
}

export function decodeMaintenanceLease(bytes: Buffer): MaintenanceLease {
  return decode('a lease of maintenance', bytes, (content) => MaintenanceLease.decode(content));
}

export function encodeRef({ objectId, peeledId }: Pick<Ref, 'objectId' | 'peeledId'>): Buffer {
  const bytes = Buffer.allocUnsafe(1 + (objectId.length + peeledId.length) / 2);
  bytes.writeUInt8(recordVersion);
  bytes.write(objectId, 1, 'hex');
  bytes.write(peeledId, 1 + objectId.length / 2, 'hex');
  return bytes;
}

export function decodeRef(name: string, bytes: Buffer): Ref {
  // 20, 40, 32 or 64 bytes: one or two SHA-1 ids, one or two SHA-256 ids. Written out for speed: there are many.
  const idBytes = bytes.length === 21 || bytes.length === 41 ? 20 : 32;
  if (bytes[0] !== recordVersion || bytes.length === 1 || (bytes.length - 1) % idBytes !== 0)
    throw corrupt('a ref', bytes);
  const peeledId = bytes.length === 1 + idBytes ? '' : bytes.toString('hex', 1 + idBytes);
  return { name, objectId: bytes.toString('hex', 1, 1 + idBytes), peeledId };
}

export function encodePack(pack: PackRef): Buffer {
  return record(PackRef.encode(pack).finish());
}

export function decodePack(bytes: Buffer): PackRef {
  return decode('a pack', bytes, (content) => PackRef.decode(content));
}

/** Changes of refs in one record: enough that a large push is few records, few enough to read a page of them. */
export const changesPerRecord = 256;

/** Changes of one push, in order. What they have in common is written once, with the first. */
export function encodeChanges(entries: readonly RepoLogEntry[]): Buffer {
  const slim = entries.map((entry, at) =>
    at === 0 ? entry : RepoLogEntry.create({ ref: entry.ref, oldId: entry.oldId, newId: entry.newId }),
  );
  return record(GetRepoLogResponse.encode({ entries: slim, nextPageToken: '' }).finish());
}

export function decodeChanges(bytes: Buffer): RepoLogEntry[] {
  const { entries } = decode('changes', bytes, (content) => GetRepoLogResponse.decode(content));
  const [first] = entries;
  if (first === undefined) throw corrupt('changes', bytes);
  return entries.map(({ ref, oldId, newId }) => ({ ...first, ref, oldId, newId }));
}

export function encodeAnswer({ atMs, digest, response }: StoredAnswer): Buffer {
  return record(bigEndian(atMs), digest, UpdateRefsResponse.encode(response).finish());
}

export function decodeAnswer(bytes: Buffer): StoredAnswer {
  return decode('an answer', bytes, (content) => ({
    atMs: content.readBigUInt64BE(0),
    digest: content.subarray(8, 8 + digestBytes),
    response: UpdateRefsResponse.decode(content.subarray(8 + digestBytes)),
  }));
}

/** A number on its own. */
export function encodeNumber(value: bigint): Buffer {
  return record(bigEndian(value));
}

export function decodeNumber(bytes: Buffer): bigint {
  return decode('a number', bytes, (content) => content.readBigUInt64BE(0));
}

/** Bytes that are written as they are: positions, and records whose key says all. */
export function encodeBytes(bytes: Buffer): Buffer {
  return record(bytes);
}

export function decodeBytes(bytes: Buffer): Buffer {
  return decode('a record', bytes, (content) => content);
}

function record(...parts: readonly Uint8Array[]): Buffer {
  return Buffer.concat([Buffer.of(recordVersion), ...parts]);
}

function bigEndian(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(value);
  return bytes;
}

function decode<T>(what: string, bytes: Buffer, decodeContent: (content: Buffer) => T): T {
  if (bytes[0] !== recordVersion) throw corrupt(what, bytes);
  return read(what, bytes, decodeContent);
}

function read<T>(what: string, bytes: Buffer, decodeContent: (content: Buffer) => T): T {
  try {
    return decodeContent(bytes.subarray(1));
  } catch (error) {
    throw corrupt(what, bytes, error);
  }
}

function corrupt(what: string, bytes: Buffer, cause?: unknown): StratumError {
  const why = cause === undefined ? `version ${bytes[0]}, ${bytes.length} bytes` : asStratumError(cause).message;
  return new StratumError('DATA_CORRUPT', `the metadata store holds ${what} that cannot be read: ${why}`, undefined, {
    hint: 'stop this node and restore its data folder from a copy',
    cause,
  });
}
