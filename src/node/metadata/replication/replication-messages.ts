import { StratumError } from '../../../base/errors.ts';
import type {
  BeaconAck,
  PartitionAck,
  PartitionAppend,
  PartitionBeacon,
  SnapshotEnd,
} from '../../../rpc/gen/stratum/v1/metadata.ts';
import { checksumOf } from './checksum.ts';

/** A message without its checksum. */
type Unsigned<Message> = Omit<Message, 'checksum'>;

/** An append with its checksum; the records have their own. */
export function signedAppend(append: Unsigned<PartitionAppend>): PartitionAppend {
  return { ...append, checksum: appendChecksum(append) };
}

export function signedAck(ack: Unsigned<PartitionAck>): PartitionAck {
  return { ...ack, checksum: ackChecksum(ack) };
}

export function signedBeacon(beacon: Unsigned<PartitionBeacon>): PartitionBeacon {
  return { ...beacon, checksum: beaconChecksum(beacon) };
}

export function signedBeaconAck(ack: Unsigned<BeaconAck>): BeaconAck {
  return { ...ack, checksum: beaconAckChecksum(ack) };
}

export function signedEnd(end: Unsigned<SnapshotEnd>): SnapshotEnd {
  return { ...end, checksum: checksumOf(end.index, end.epoch, end.rowCount) };
}

/** CHECKSUM_MISMATCH for a message that was damaged on its way. */
export function checkAppend(append: PartitionAppend): void {
  assertChecksum('an append', append.checksum, appendChecksum(append));
}

export function checkAck(ack: PartitionAck): void {
  assertChecksum('an acknowledgement', ack.checksum, ackChecksum(ack));
}

export function checkBeacon(beacon: PartitionBeacon): void {
  assertChecksum('a beacon', beacon.checksum, beaconChecksum(beacon));
}

export function checkBeaconAck(ack: BeaconAck): void {
  assertChecksum('the acknowledgement of a beacon', ack.checksum, beaconAckChecksum(ack));
}

export function checkEnd(end: SnapshotEnd): void {
  assertChecksum('the end of a snapshot', end.checksum, checksumOf(end.index, end.epoch, end.rowCount));
}

export function assertChecksum(what: string, got: number, expected: number): void {
  if (got === expected) return;
  throw new StratumError('CHECKSUM_MISMATCH', `${what} between metadata nodes was damaged on its way`, {
    oid: '',
    expected: expected.toString(16),
    got: got.toString(16),
  });
}

function appendChecksum(append: Unsigned<PartitionAppend>): number {
  const { partition, epoch, previousIndex, previousEpoch, records, committedIndex, snapshotRequired } = append;
  return checksumOf(partition, epoch, previousIndex, previousEpoch, records.length, committedIndex, snapshotRequired);
}

function ackChecksum({ partition, epoch, result, index, appliedIndex }: Unsigned<PartitionAck>): number {
  return checksumOf(partition, epoch, result, index, appliedIndex);
}

function beaconChecksum(beacon: Unsigned<PartitionBeacon>): number {
  const { partition, epoch, committedIndex, committedEpoch, relinquished, unheard } = beacon;
  return checksumOf(partition, epoch, committedIndex, committedEpoch, relinquished, unheard);
}

function beaconAckChecksum({ partition, epoch, accepted }: Unsigned<BeaconAck>): number {
  return checksumOf(partition, epoch, accepted);
}
