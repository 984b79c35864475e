import { oidBytes, oidFromBytes, oidToBytes } from '../../base/oid.ts';
import type { GapReason, NotedGap } from '../replica-gaps.ts';

/** A gap that is kept until it is closed, dropped or too old. */
export interface Hint extends NotedGap {
  /** Rises with every hint of a log; the older of two has the lower one. */
  readonly number: bigint;
  readonly notedAtMs: number;
  /** Tries to close it that failed. */
  readonly attempts: number;
}

/** What the record of a hint holds; its node and number are in the key. */
export type HintFields = Omit<Hint, 'nodeId' | 'number'>;

/*
 * On disk, big-endian: version (1 byte), reason (1), id of the blob (32), size (8), time noted (8),
 * failed tries (4).
 */
const recordVersion = 1;
const recordBytes = 2 + oidBytes + 8 + 8 + 4;
const attemptsMax = 0xffff_ffff;
/** By their numbers on disk, which are never given another meaning. */
const reasons: readonly GapReason[] = ['MISSED_WRITE', 'MISSING', 'CORRUPT'];

/** The stored form of a hint. */
export function encodeHint({ reason, oid, size, notedAtMs, attempts }: HintFields): Buffer {
  const bytes = Buffer.alloc(recordBytes);
  bytes.writeUInt8(recordVersion, 0);
  bytes.writeUInt8(reasons.indexOf(reason), 1);
  oidToBytes(oid).copy(bytes, 2);
  bytes.writeBigUInt64BE(BigInt(size), 2 + oidBytes);
  bytes.writeBigUInt64BE(BigInt(Math.max(0, Math.trunc(notedAtMs))), 10 + oidBytes);
  bytes.writeUInt32BE(Math.min(attempts, attemptsMax), 18 + oidBytes);
  return bytes;
}

/** Reads a record; undefined for one that this version does not understand: a hint can be lost, it is no guarantee. */
export function decodeHint(bytes: Buffer): HintFields | undefined {
  const reason = reasons[bytes[1] ?? -1];
  if (bytes[0] !== recordVersion || bytes.length !== recordBytes || reason === undefined) return undefined;
  return {
    reason,
    oid: oidFromBytes(bytes.subarray(2, 2 + oidBytes)),
    size: Number(bytes.readBigUInt64BE(2 + oidBytes)),
    notedAtMs: Number(bytes.readBigUInt64BE(10 + oidBytes)),
    attempts: bytes.readUInt32BE(18 + oidBytes),
  };
}
