import { crc32 } from 'node:zlib';
import { StratumError } from '../../../base/errors.ts';
import type { FetchSnapshotResponse, StateRow } from '../../../rpc/gen/stratum/v1/metadata.ts';
import type { MetadataStore } from '../metadata-store.ts';
import type { LogPosition } from './log-record.ts';
import { readHeader } from './partition-header.ts';
import { assertChecksum, checkEnd, signedEnd } from './replication-messages.ts';

/** Bytes of one message's rows, a single row apart. */
const messageBytes = 256 * 1024;

/** A partition's rows as they are on disk at one moment, and last which moment that is. */
export async function* readSnapshot(store: MetadataStore, partition: number): AsyncIterable<FetchSnapshotResponse> {
  const snapshot = store.snapshot();
  try {
    // State and header are written together, so the header says what the rows stand for.
    const { applied } = readHeader(snapshot, partition);
    let rows: StateRow[] = [];
    let bytes = 0;
    let rowCount = 0n;
    for (const { key, value } of snapshot.state(partition).range({ start: Buffer.alloc(0), end: Buffer.of(0xff) })) {
      rows.push({ key: Buffer.from(key), value: Buffer.from(value) });
      bytes += key.length + value.length;
      rowCount += 1n;
      if (bytes < messageBytes) continue;
      yield { rows, checksum: checksumOfRows(rows), end: undefined };
      rows = [];
      bytes = 0;
    }
    const end = signedEnd({ index: applied.index, epoch: applied.epoch, rowCount });
    yield { rows, checksum: checksumOfRows(rows), end };
  } finally {
    snapshot.close();
  }
}

/** Writes what arrives into the empty state of a partition; the position that it stands for. Rejects when something is missing. */
export async function writeSnapshot(
  store: MetadataStore,
  partition: number,
  messages: AsyncIterable<FetchSnapshotResponse>,
): Promise<LogPosition> {
  let rowCount = 0n;
  for await (const { rows, checksum, end } of messages) {
    assertChecksum('rows of a snapshot', checksum, checksumOfRows(rows));
    rowCount += BigInt(rows.length);
    const writes = rows.map(({ key, value }) => ({ key: Buffer.from(key), value: Buffer.from(value) }));
    await store.commit((transaction) => transaction.writeState(partition, writes));
    if (end === undefined) continue;
    checkEnd(end);
    if (end.rowCount === rowCount) return { index: end.index, epoch: end.epoch };
    break;
  }
  const message = `the snapshot of partition ${partition} ended after ${rowCount} rows without its end`;
  throw new StratumError('UNREACHABLE', message, { endpoint: '' });
}

function checksumOfRows(rows: readonly StateRow[]): number {
  let checksum = 0;
  for (const { key, value } of rows) checksum = crc32(value, crc32(key, checksum));
  return checksum;
}
