import { StratumError } from '../../base/errors.ts';
import { LogEntry } from '../../rpc/gen/stratum/v1/metadata.ts';
import type { StoreSnapshot, StoreTransaction } from './metadata-store.ts';
import type { Applied, Operation, OperationResults } from './state-machine/applied.ts';
import { applyEntry } from './state-machine/apply.ts';

/** First byte of a log entry and of a position; an entry goes on in the protocol's encoding. */
const recordVersion = 1;

const positionBytes = 17;

/** The last entry of a partition's log, all of which is applied: index and epoch 0 before the first. */
export interface LogPosition {
  readonly index: bigint;
  readonly epoch: bigint;
}

/** A partition and the epoch in which this node is its primary. */
export interface PartitionDuty {
  readonly partition: number;
  readonly epoch: bigint;
}

/** What an operation did, not yet written. */
export interface Prepared {
  readonly applied: Applied<OperationResults[keyof OperationResults]>;
  /** Appends the entry and applies it, in the transaction that it was prepared in. */
  write(): void;
}

/**
 * The next entry of a partition's log and its effect. The log has no gaps, its epochs never fall, and
 * it is the whole truth: the state is what the entries from 1 on make of nothing. It is kept
 * in full; snapshots, and with them the right to cut the log, come with replication.
 */
export function prepareOperation(
  transaction: StoreTransaction,
  { partition, epoch }: PartitionDuty,
  atMs: bigint,
  operation: Operation,
): Prepared {
  const { index } = assertNotBehind(transaction, { partition, epoch });
  const entry: LogEntry = { epoch, index: index + 1n, atMs, operation };
  const applied = applyEntry(partition, transaction.state(partition), entry);
  return {
    applied,
    write: () => {
      if (applied.writes.length === 0) return;
      transaction.appendLog(partition, entry.index, encodeEntry(entry));
      transaction.writePosition(partition, encodePosition(entry));
      transaction.writeState(partition, applied.writes);
    },
  };
}

/** Where the partition's log stands; STALE_EPOCH when it has entries of a later epoch than the caller's. */
export function assertNotBehind(snapshot: StoreSnapshot, { partition, epoch }: PartitionDuty): LogPosition {
  const position = readPosition(snapshot, partition);
  if (epoch >= position.epoch) return position;
  throw new StratumError(
    'STALE_EPOCH',
    `partition ${partition} is at epoch ${position.epoch} here, this node's topology still at ${epoch}`,
    { fence: 'partition_epoch', sent: epoch, current: position.epoch },
  );
}

function readPosition(snapshot: StoreSnapshot, partition: number): LogPosition {
  const bytes = snapshot.position(partition);
  if (bytes === undefined) return { index: 0n, epoch: 0n };
  if (bytes[0] !== recordVersion || bytes.length !== positionBytes) {
    throw new StratumError(
      'DATA_CORRUPT',
      `the position of partition ${partition} cannot be read: version ${bytes[0]}`,
    );
  }
  return { index: bytes.readBigUInt64BE(1), epoch: bytes.readBigUInt64BE(9) };
}

function encodePosition({ index, epoch }: LogPosition): Buffer {
  const bytes = Buffer.alloc(positionBytes);
  bytes.writeUInt8(recordVersion);
  bytes.writeBigUInt64BE(index, 1);
  bytes.writeBigUInt64BE(epoch, 9);
  return bytes;
}

function encodeEntry(entry: LogEntry): Buffer {
  return Buffer.concat([Buffer.of(recordVersion), LogEntry.encode(entry).finish()]);
}
