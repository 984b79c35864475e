import { StratumError } from '../base/errors.ts';
import type { BlobRecord } from './blob-record.ts';

/** Counts and sizes of all blobs, kept up to date in the transaction of every change. */
export interface BlobTotals {
  readonly blobCount: number;
  /** Bytes of all blobs that are not in quarantine. */
  readonly storedBytes: number;
  readonly quarantinedCount: number;
}

/** Totals of an empty store. */
export const noBlobs: BlobTotals = { blobCount: 0, storedBytes: 0, quarantinedCount: 0 };

/** The totals after one record has become another; undefined stands for no record. */
export function countChange(
  totals: BlobTotals,
  before: BlobRecord | undefined,
  after: BlobRecord | undefined,
): BlobTotals {
  const removed = share(before);
  const added = share(after);
  return {
    blobCount: totals.blobCount - removed.blobCount + added.blobCount,
    storedBytes: totals.storedBytes - removed.storedBytes + added.storedBytes,
    quarantinedCount: totals.quarantinedCount - removed.quarantinedCount + added.quarantinedCount,
  };
}

function share(record: BlobRecord | undefined): BlobTotals {
  if (record === undefined) return noBlobs;
  if (record.quarantined) return { ...noBlobs, quarantinedCount: 1 };
  return { blobCount: 1, storedBytes: record.size, quarantinedCount: 0 };
}

/* On disk, big-endian: version (1 byte), then the three numbers of 8 bytes each. */
const totalsVersion = 1;
const totalsBytes = 25;

/**
 * The stored form of totals. Below 0 is 0: a record that has become unreadable was counted as what it was and
 * leaves as what it is, until a recovery counts anew.
 */
export function encodeBlobTotals({ blobCount, storedBytes, quarantinedCount }: BlobTotals): Buffer {
  const bytes = Buffer.alloc(totalsBytes);
  bytes.writeUInt8(totalsVersion, 0);
  for (const [index, number] of [blobCount, storedBytes, quarantinedCount].entries()) {
    bytes.writeBigUInt64BE(BigInt(Math.max(0, number)), 1 + 8 * index);
  }
  return bytes;
}

/** Whether totals can be read. */
export function areBlobTotals(bytes: Buffer): boolean {
  return bytes[0] === totalsVersion && bytes.length === totalsBytes;
}

/** Reads totals; DATA_CORRUPT for a form that this version does not understand. */
export function decodeBlobTotals(bytes: Buffer): BlobTotals {
  if (!areBlobTotals(bytes)) {
    throw new StratumError('DATA_CORRUPT', `the totals of the blob index have an unknown version ${bytes[0]}`);
  }
  return {
    blobCount: Number(bytes.readBigUInt64BE(1)),
    storedBytes: Number(bytes.readBigUInt64BE(9)),
    quarantinedCount: Number(bytes.readBigUInt64BE(17)),
  };
}
