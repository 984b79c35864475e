import { StratumError } from '../../../base/errors.ts';
import type { StoreReader } from '../metadata-store.ts';
import { type LogPosition, logStart } from './log-record.ts';

/** What a node keeps of a partition beside its log and its state; written together with what it speaks of. */
export interface PartitionHeader {
  /** The last entry that is in the state. */
  readonly applied: LogPosition;
  /** The entry before the first record that is still there. */
  readonly base: LogPosition;
  /** The highest epoch that this node has answered for; it refuses lower ones. */
  readonly epoch: bigint;
  /** The state is being replaced, or removed: it is of no use and has to be cleared first. */
  readonly isPartial: boolean;
}

const headerVersion = 1;
const headerBytes = 1 + 5 * 8 + 1;

export const emptyHeader: PartitionHeader = { applied: logStart, base: logStart, epoch: 0n, isPartial: false };

/** DATA_CORRUPT when it cannot be read. */
export function readHeader(reader: StoreReader, partition: number): PartitionHeader {
  const bytes = reader.header(partition);
  if (bytes === undefined) return emptyHeader;
  if (bytes[0] !== headerVersion || bytes.length !== headerBytes) {
    const message = `the header of partition ${partition} cannot be read: version ${bytes[0]}, ${bytes.length} bytes`;
    throw new StratumError('DATA_CORRUPT', message);
  }
  const number = (at: number) => bytes.readBigUInt64BE(1 + at * 8);
  return {
    applied: { index: number(0), epoch: number(1) },
    base: { index: number(2), epoch: number(3) },
    epoch: number(4),
    isPartial: bytes[headerBytes - 1] !== 0,
  };
}

export function encodeHeader({ applied, base, epoch, isPartial }: PartitionHeader): Buffer {
  const bytes = Buffer.alloc(headerBytes);
  bytes.writeUInt8(headerVersion);
  for (const [at, number] of [applied.index, applied.epoch, base.index, base.epoch, epoch].entries()) {
    bytes.writeBigUInt64BE(number, 1 + at * 8);
  }
  bytes.writeUInt8(isPartial ? 1 : 0, headerBytes - 1);
  return bytes;
}
