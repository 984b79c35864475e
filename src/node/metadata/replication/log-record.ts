import { crc32 } from 'node:zlib';
import { asStratumError, StratumError } from '../../../base/errors.ts';
import { LogEntry } from '../../../rpc/gen/stratum/v1/metadata.ts';

/**
 * A record of the log, on disk and on the wire: version (1 byte), CRC-32 of what follows (4), epoch (8), index (8), all
 * big-endian, then the entry in the protocol's encoding without these two. Made once by the primary and stored by
 * every replica as it came.
 */
const recordVersion = 1;
const checkedFrom = 5;
const epochAt = checkedFrom;
const indexAt = epochAt + 8;
const entryAt = indexAt + 8;

/** A place in a log: index and epoch 0 stand before the first entry. */
export interface LogPosition {
  readonly index: bigint;
  readonly epoch: bigint;
}

/** Before the first entry of every log. */
export const logStart: LogPosition = { index: 0n, epoch: 0n };

export function encodeRecord(entry: LogEntry): Buffer {
  const content = LogEntry.encode({ ...entry, epoch: 0n, index: 0n }).finish();
  const record = Buffer.allocUnsafe(entryAt + content.length);
  record.writeUInt8(recordVersion);
  record.writeBigUInt64BE(entry.epoch, epochAt);
  record.writeBigUInt64BE(entry.index, indexAt);
  record.set(content, entryAt);
  record.writeUInt32BE(crc32(record.subarray(checkedFrom)), 1);
  return record;
}

/** Where a record stands; DATA_CORRUPT when it is not as it was made. */
export function checkRecord(record: Buffer): LogPosition {
  if (record[0] !== recordVersion || record.length < entryAt) throw corrupt(record, 'an unknown form');
  if (record.readUInt32BE(1) !== crc32(record.subarray(checkedFrom))) throw corrupt(record, 'a wrong checksum');
  return positionOfRecord(record);
}

/** Where a record stands, without a look at the rest. */
export function positionOfRecord(record: Buffer): LogPosition {
  return { index: record.readBigUInt64BE(indexAt), epoch: record.readBigUInt64BE(epochAt) };
}

/** The entry; DATA_CORRUPT when the record is not as it was made. */
export function decodeRecord(record: Buffer): LogEntry {
  const position = checkRecord(record);
  try {
    return { ...LogEntry.decode(record.subarray(entryAt)), ...position };
  } catch (error) {
    throw corrupt(record, asStratumError(error).message);
  }
}

function corrupt(record: Buffer, why: string): StratumError {
  return new StratumError(
    'DATA_CORRUPT',
    `a record of the metadata log (${record.length} bytes) has ${why}`,
    undefined,
    {
      hint: 'stop this node and start it with an empty data folder: it fetches what it lacks from the other replicas',
    },
  );
}
