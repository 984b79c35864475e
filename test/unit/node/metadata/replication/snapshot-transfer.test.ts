import { describe, expect, it } from 'vitest';
import { encodeHeader } from '../../../../../src/node/metadata/replication/partition-header.ts';
import { signedEnd } from '../../../../../src/node/metadata/replication/replication-messages.ts';
import { readSnapshot, writeSnapshot } from '../../../../../src/node/metadata/replication/snapshot-transfer.ts';
import type { FetchSnapshotResponse } from '../../../../../src/rpc/gen/stratum/v1/metadata.ts';
import { type MemoryDisk, memoryDisk, prepare } from '../memory-disk.ts';
import { flippedBits } from './sample-records.ts';

const partition = 3;
const applied = { index: 40n, epoch: 7n };

/** A partition of some rows at index 40. */
async function source(rows: number, valueBytes = 10) {
  const memory = memoryDisk();
  await prepare(memory, (to) => {
    for (const other of [partition - 1, partition + 1])
      to.writeState(other, [{ key: Buffer.from('x'), value: Buffer.from('x') }]);
    to.writeState(
      partition,
      Array.from({ length: rows }, (_, at) => ({
        key: Buffer.from(`r${String(at).padStart(6, '0')}`),
        value: Buffer.alloc(valueBytes, at),
      })),
    );
    to.writeHeader(partition, encodeHeader({ applied, base: applied, epoch: 9n, isPartial: false }));
  });
  return memory;
}

async function messagesOf(memory: MemoryDisk): Promise<FetchSnapshotResponse[]> {
  const messages: FetchSnapshotResponse[] = [];
  for await (const message of readSnapshot(memory.store, partition)) messages.push(message);
  return messages;
}

async function* sent(messages: readonly FetchSnapshotResponse[]): AsyncIterable<FetchSnapshotResponse> {
  yield* messages;
}

function rowsOf({ store }: MemoryDisk): readonly string[][] {
  const all = { start: Buffer.alloc(0), end: Buffer.of(0xff) };
  return store.read((reader) =>
    [...reader.state(partition).range(all)].map(({ key, value }) => [key.toString('hex'), value.toString('hex')]),
  );
}

/** What comes of messages at an empty partition. */
async function written(messages: readonly FetchSnapshotResponse[], memory = memoryDisk()) {
  const outcome = writeSnapshot(memory.store, partition, sent(messages));
  outcome.catch(() => undefined);
  await memory.sync();
  return { outcome, memory };
}

const last = (messages: readonly FetchSnapshotResponse[]) =>
  messages.at(-1) ?? expect.unreachable('there is a last one');

describe('the snapshot of a partition', () => {
  it.each([0, 1, 3_000])('of %d rows is the same at its receiver, and says what it stands for', async (rows) => {
    const memory = await source(rows, 200);
    const { outcome, memory: copy } = await written(await messagesOf(memory));
    expect(await outcome).toEqual(applied);
    expect(rowsOf(copy)).toEqual(rowsOf(memory));
  });

  it('comes in messages of bounded size', async () => {
    const messages = await messagesOf(await source(3_000, 500));
    expect(messages.length).toBeGreaterThan(4);
    for (const { rows } of messages) expect(rows.length).toBeLessThan(600);
    expect(messages.filter(({ end }) => end !== undefined)).toEqual([last(messages)]);
  });

  it('is of one moment, however long it takes', async () => {
    const memory = await source(3_000, 500);
    const before = rowsOf(memory);
    const messages: FetchSnapshotResponse[] = [];
    for await (const message of readSnapshot(memory.store, partition)) {
      messages.push(message);
      await prepare(memory, (to) => {
        to.writeState(partition, [{ key: Buffer.from('r9'), value: Buffer.from('later') }]);
        to.removeState(partition, 10);
        to.writeHeader(
          partition,
          encodeHeader({ applied: { index: 99n, epoch: 8n }, base: applied, epoch: 9n, isPartial: false }),
        );
      });
    }
    const { outcome, memory: copy } = await written(messages);
    expect(await outcome).toEqual(applied);
    expect(rowsOf(copy)).toEqual(before);
  });
});

describe('a snapshot that is not whole', () => {
  it('is refused without its end', async () => {
    const messages = await messagesOf(await source(3_000, 500));
    for (const kept of [[], messages.slice(0, 1), messages.slice(0, -1)]) {
      await expect((await written(kept)).outcome).rejects.toMatchObject({ code: 'UNREACHABLE' });
    }
  });

  it.each([
    ['with a message missing', (all: FetchSnapshotResponse[]) => [...all.slice(0, 1), ...all.slice(2)]],
    ['with a message twice', (all: FetchSnapshotResponse[]) => [...all.slice(0, 1), ...all]],
    [
      'with another number of rows in its end',
      (all: FetchSnapshotResponse[]) => [
        ...all.slice(0, -1),
        { ...last(all), end: signedEnd({ ...applied, rowCount: 2_999n }) },
      ],
    ],
  ])('is refused %s', async (_, damage) => {
    const messages = damage(await messagesOf(await source(3_000, 500)));
    await expect((await written(messages)).outcome).rejects.toMatchObject({ code: 'UNREACHABLE' });
  });

  it('is refused with any flipped bit of a row', async () => {
    const [message] = await messagesOf(await source(1, 4));
    const row = message?.rows[0] ?? expect.unreachable('there is a row');
    const damagedRows = [
      ...[...flippedBits(Buffer.from(row.key))].map((key) => ({ ...row, key })),
      ...[...flippedBits(Buffer.from(row.value))].map((value) => ({ ...row, value })),
    ];
    for (const damaged of damagedRows) {
      const messages = [{ ...(message ?? expect.unreachable('there is a message')), rows: [damaged] }];
      const { outcome, memory } = await written(messages);
      await expect(outcome).rejects.toMatchObject({ code: 'CHECKSUM_MISMATCH' });
      expect(rowsOf(memory)).toEqual([]);
    }
  });

  it('is refused with a damaged end', async () => {
    const messages = await messagesOf(await source(2));
    const end = { ...signedEnd({ ...applied, rowCount: 2n }), index: 41n };
    const { outcome } = await written([...messages.slice(0, -1), { ...last(messages), end }]);
    await expect(outcome).rejects.toMatchObject({ code: 'CHECKSUM_MISMATCH' });
  });
});
