import { assert } from '../../base/errors.ts';
import { prefixRange, type StateEntry } from './state.ts';

/**
 * The rows of a partition's state, below the prefix "ms" and the partition (src/store/keys.ts). A
 * row's letter is never given another meaning. `<repo>` is the repository's id as 16 bytes, so no
 * separator is needed; `<position>` is a log index (8 bytes) and a number within the entry (4), so
 * order by key is order in the log.
 */
const rows = {
  /** Answer to a push: a<repo><push id>. */
  pushAnswer: 'a',
  /** A deleted repository that is still kept: d<repo>. */
  deletedRepo: 'd',
  /** When an answer may go: e<milliseconds, 8 bytes><repo><push id>. */
  pushExpiry: 'e',
  /** A ref: f<repo><name>. */
  ref: 'f',
  /** Changes of refs by one push, for GetRepoLog: g<repo><position of the first>. */
  change: 'g',
  /** A rename that has begun: i<repo>. */
  intent: 'i',
  /** A name that is kept for a repository of another partition: l<name>. */
  alias: 'l',
  /** The last replacement of packs: m<repo>. */
  packsReplacement: 'm',
  /** Position of a pack by its name: n<repo><name>. */
  packName: 'n',
  /** A pack: p<repo><position>. */
  pack: 'p',
  /** When a deleted repository goes: q<milliseconds, 8 bytes><repo>. */
  purge: 'q',
  /** A repository: r<name>. */
  repo: 'r',
  /** Counts over the partition: t. */
  totals: 't',
  /** Who maintains a repository: w<repo>. */
  maintenanceLease: 'w',
} as const;

/** Hex digits of a repository's id. */
export const repoIdDigits = 32;

const repoIdPattern = /^[0-9a-f]{32}$/;
const repoIdBytes = repoIdDigits / 2;
const positionBytes = 12;
const timeBytes = 8;
/** The row's letter and the repository's id. */
const repoPrefixBytes = 1 + repoIdBytes;

/** A place within the log that is finer than an entry. */
export interface Position {
  readonly index: bigint;
  readonly ordinal: number;
}

export const totalsKey = Buffer.from(rows.totals);

export function repoKey(name: string): Buffer {
  return Buffer.from(rows.repo + name);
}

/** The keys of repositories whose names begin with `prefix`, from behind `after` on. */
export function repoRange(prefix: string, after: string): { readonly start: Buffer; readonly end: Buffer } {
  const { start, end } = prefixRange(repoKey(prefix));
  if (after === '') return { start, end };
  // The shortest key above that of `after` is the same with a zero byte.
  const resume = Buffer.concat([repoKey(after), Buffer.alloc(1)]);
  return { start: resume.compare(start) > 0 ? resume : start, end };
}

/** Whether a text can be the id of a repository. */
export function isRepoId(text: string): boolean {
  return repoIdPattern.test(text);
}

export function aliasKey(name: string): Buffer {
  return Buffer.from(rows.alias + name);
}

export function intentKey(repoId: string): Buffer {
  return repoPrefix(rows.intent, repoId);
}

export function deletedRepoKey(repoId: string): Buffer {
  return repoPrefix(rows.deletedRepo, repoId);
}

/** All deleted repositories, by id. */
export const deletedRepoRange = prefixRange(Buffer.from(rows.deletedRepo));

export function purgeKey(atMs: bigint, repoId: string): Buffer {
  return Buffer.concat([timePrefix(rows.purge, atMs), Buffer.from(repoId, 'hex')]);
}

/** The purges that are due before a moment. */
export function purgeRange(beforeMs: bigint): { readonly start: Buffer; readonly end: Buffer } {
  return { start: timePrefix(rows.purge, 0n), end: timePrefix(rows.purge, beforeMs) };
}

/** The repository's id at the end of a purge's key. */
export function repoIdOfPurgeKey(key: Buffer): string {
  return key.toString('hex', 1 + timeBytes);
}

export function packsReplacementKey(repoId: string): Buffer {
  return repoPrefix(rows.packsReplacement, repoId);
}

export function maintenanceLeaseKey(repoId: string): Buffer {
  return repoPrefix(rows.maintenanceLease, repoId);
}

/** What all refs of a repository begin with. */
export function refPrefix(repoId: string): Buffer {
  return repoPrefix(rows.ref, repoId);
}

/** A ref's key from `refPrefix` and its name. */
export function refKey(prefix: Buffer, name: string): Buffer {
  const key = Buffer.allocUnsafe(prefix.length + Buffer.byteLength(name));
  prefix.copy(key);
  key.write(name, prefix.length);
  return key;
}

export function refNameOf(entry: Pick<StateEntry, 'keyText'>): string {
  return entry.keyText(repoPrefixBytes);
}

export function packPrefix(repoId: string): Buffer {
  return repoPrefix(rows.pack, repoId);
}

export function packKey(repoId: string, position: Buffer): Buffer {
  return Buffer.concat([packPrefix(repoId), position]);
}

export function packNamePrefix(repoId: string): Buffer {
  return repoPrefix(rows.packName, repoId);
}

export function packNameKey(repoId: string, name: string): Buffer {
  return Buffer.concat([packNamePrefix(repoId), Buffer.from(name)]);
}

export function changePrefix(repoId: string): Buffer {
  return repoPrefix(rows.change, repoId);
}

export function changeKey(repoId: string, position: Buffer): Buffer {
  return Buffer.concat([changePrefix(repoId), position]);
}

/** The position at the end of a change's or a pack's key. */
export function positionOfKey(key: Buffer): Position {
  return decodePosition(key.subarray(repoPrefixBytes));
}

export function pushAnswerPrefix(repoId: string): Buffer {
  return repoPrefix(rows.pushAnswer, repoId);
}

export function pushAnswerKey(repoId: string, pushId: Buffer): Buffer {
  return Buffer.concat([pushAnswerPrefix(repoId), pushId]);
}

/** The push id at the end of an answer's key. */
export function pushIdOfAnswerKey(key: Buffer): Buffer {
  return key.subarray(repoPrefixBytes);
}

export function pushExpiryKey(atMs: bigint, repoId: string, pushId: Buffer): Buffer {
  return Buffer.concat([pushExpiryPrefix(atMs), Buffer.from(repoId, 'hex'), pushId]);
}

/** The expiries of answers that were given before a moment. */
export function pushExpiryRange(beforeMs: bigint): { readonly start: Buffer; readonly end: Buffer } {
  return { start: pushExpiryPrefix(0n), end: pushExpiryPrefix(beforeMs) };
}

/** The key of the answer that an expiry is about. */
export function answerKeyOfExpiry(key: Buffer): Buffer {
  return Buffer.concat([Buffer.from(rows.pushAnswer), key.subarray(1 + timeBytes)]);
}

export function encodePosition({ index, ordinal }: Position): Buffer {
  const bytes = Buffer.allocUnsafe(positionBytes);
  bytes.writeBigUInt64BE(index);
  bytes.writeUInt32BE(ordinal, 8);
  return bytes;
}

function decodePosition(bytes: Buffer): Position {
  assert(bytes.length === positionBytes, `a position of ${bytes.length} bytes`);
  return { index: bytes.readBigUInt64BE(0), ordinal: bytes.readUInt32BE(8) };
}

function pushExpiryPrefix(atMs: bigint): Buffer {
  return timePrefix(rows.pushExpiry, atMs);
}

function timePrefix(row: string, atMs: bigint): Buffer {
  const bytes = Buffer.alloc(1 + timeBytes);
  bytes.write(row);
  bytes.writeBigUInt64BE(atMs, 1);
  return bytes;
}

function repoPrefix(row: string, repoId: string): Buffer {
  const bytes = Buffer.alloc(repoPrefixBytes);
  bytes.write(row);
  const written = bytes.write(repoId, 1, 'hex');
  assert(written === repoIdBytes, `repository id "${repoId}" is not ${repoIdDigits} hex digits`);
  return bytes;
}
