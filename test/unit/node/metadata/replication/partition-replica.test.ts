import { describe, expect, it } from 'vitest';
import { AppendResult } from '../../../../../src/rpc/gen/stratum/v1/metadata.ts';
import { memoryDisk, prepare, settled } from '../memory-disk.ts';
import { recordAt, recordsFrom } from './sample-records.ts';
import { appendOf, assigned, beaconOf, partition, process2, process3, sampleReplica } from './sample-replica.ts';

const { DURABLE, MISMATCH, STALE, NOT_NOW } = AppendResult;

/** m1 follows m2 in epoch 5, with entries of these epochs, the first of which are committed. */
async function follower(
  epochs: readonly bigint[] = [],
  committedIndex = 0n,
  options: Parameters<typeof sampleReplica>[0] = {},
) {
  const sample = sampleReplica(options);
  sample.replica.follow(assigned(5n, 'm2'));
  if (epochs.length > 0) {
    const ack = await sample.append({ records: recordsFrom(1n, epochs), committedIndex });
    expect(ack).toMatchObject({ result: DURABLE, index: BigInt(epochs.length) });
  }
  expect(sample.replica.disk.state.position.index).toBe(committedIndex);
  return sample;
}

describe('a follower and its primary’s entries', () => {
  it('acknowledges what is on disk, and not before', async () => {
    const { replica, memory } = await follower();
    let ack: unknown;
    void replica.handleAppend(appendOf({ records: recordsFrom(1n, [5n, 5n]) }), process2).then((given) => {
      ack = given;
    });
    await memory.beginSync();
    await settled();
    expect(ack).toBeUndefined();
    await memory.sync();
    expect(ack).toMatchObject({ result: DURABLE, index: 2n, epoch: 5n });
  });

  it('acknowledges nothing while its disk refuses it', async () => {
    const { replica, memory, clock } = await follower();
    memory.disk.isFull = true;
    let ack: unknown;
    void replica.handleAppend(appendOf({ records: recordsFrom(1n, [5n]) }), process2).then((given) => {
      ack = given;
    });
    await memory.sync();
    expect(ack).toBeUndefined();
    memory.disk.isFull = false;
    clock.advance(500);
    await memory.sync();
    expect(ack).toMatchObject({ result: DURABLE, index: 1n });
  });

  it.each([
    ['a gap: the end of its log', [1n, 1n], 0n, { previousIndex: 7n, previousEpoch: 2n }, 2n],
    ['an empty log', [], 0n, { previousIndex: 7n, previousEpoch: 2n }, 0n],
    [
      'another epoch: the entry before all of that epoch',
      [1n, 2n, 2n, 2n],
      0n,
      { previousIndex: 4n, previousEpoch: 3n },
      1n,
    ],
    [
      'another epoch, though no further than what is applied',
      [1n, 2n, 2n, 2n],
      2n,
      { previousIndex: 4n, previousEpoch: 3n },
      2n,
    ],
  ])('says from where to go on at %s', async (_, epochs, committedIndex, place, index) => {
    const { append, epochs: logged } = await follower(epochs, committedIndex);
    expect(await append({ ...place, records: [recordAt(place.previousIndex + 1n, 5n)] })).toMatchObject({
      result: MISMATCH,
      index,
    });
    expect(logged()).toEqual(epochs);
  });

  it.each([
    ['the same again', { records: recordsFrom(1n, [1n, 1n, 2n]) }, 3n, [1n, 1n, 2n]],
    ['an older, shorter one: what it has beyond stays', { records: recordsFrom(1n, [1n]) }, 1n, [1n, 1n, 2n]],
    ['one without entries', { previousIndex: 2n, previousEpoch: 1n }, 2n, [1n, 1n, 2n]],
    [
      'one that overlaps',
      { previousIndex: 1n, previousEpoch: 1n, records: recordsFrom(2n, [1n, 2n, 5n]) },
      4n,
      [1n, 1n, 2n, 5n],
    ],
    [
      'one that conflicts: from there on it is replaced',
      { previousIndex: 1n, previousEpoch: 1n, records: recordsFrom(2n, [4n]) },
      2n,
      [1n, 4n],
    ],
  ])('takes %s', async (_, changes, index, epochs) => {
    const { append, epochs: logged, memory } = await follower([1n, 1n, 2n]);
    expect(await append(changes)).toMatchObject({ result: DURABLE, index });
    expect(logged()).toEqual(epochs);
    const stored = memory.store.read((reader) =>
      [...reader.records(partition, 0n)].map(({ record }) => record.readBigUInt64BE(5)),
    );
    expect(stored).toEqual(epochs);
  });

  it.each([
    ['before the first entry', { previousIndex: 0n, previousEpoch: 0n, records: recordsFrom(1n, [4n, 4n]) }],
    ['behind an entry that is applied', { previousIndex: 1n, previousEpoch: 4n, records: recordsFrom(2n, [4n, 4n]) }],
    ['by an entry that nothing comes before', { previousIndex: 2n, previousEpoch: 4n, records: [] }],
  ])(
    'cuts off nothing that is applied, and says that it will not when another history is sent %s',
    async (_, other) => {
      const { append, epochs, replica, snapshotsNeeded } = await follower([1n, 1n, 1n], 2n);
      expect(await append(other)).toMatchObject({ result: NOT_NOW });
      expect(snapshotsNeeded).toEqual([]);
      expect(epochs()).toEqual([1n, 1n, 1n]);
      expect(replica.disk.state.position).toEqual({ index: 2n, epoch: 1n });
    },
  );

  it('answers for what it was sent, and for nothing behind it that is applied as well', async () => {
    const { append } = await follower([1n, 1n, 1n], 3n);
    expect(await append({ records: recordsFrom(1n, [1n]) })).toMatchObject({ result: DURABLE, index: 1n });
  });

  it.each([
    ['an entry in another’s place', [recordAt(2n, 5n)], 'INTERNAL'],
    ['an entry of a later epoch than its sender’s', [recordAt(1n, 6n)], 'INTERNAL'],
    ['a damaged entry', [Buffer.concat([recordAt(1n, 5n), Buffer.of(0)])], 'DATA_CORRUPT'],
  ])('takes no %s', async (_, records, code) => {
    const { append, epochs } = await follower();
    await expect(append({ records })).rejects.toMatchObject({ code });
    expect(epochs()).toEqual([]);
  });

  it('takes no append that was damaged on its way', async () => {
    const { replica } = await follower([1n]);
    const damaged = { ...appendOf({ previousIndex: 1n, previousEpoch: 1n }), committedIndex: 1n };
    await expect(replica.handleAppend(damaged, process2)).rejects.toMatchObject({ code: 'CHECKSUM_MISMATCH' });
    expect(replica.committedIndex).toBe(0n);
  });
});

describe('a follower and epochs', () => {
  it('refuses an older one, says which it has seen, and changes nothing', async () => {
    const { append, replica, epochs } = await follower([1n]);
    replica.follow(assigned(7n, 'm3'));
    const late = { previousIndex: 1n, previousEpoch: 1n, records: [recordAt(2n, 5n)], committedIndex: 1n };
    expect(await append(late)).toMatchObject({ result: STALE, epoch: 7n });
    expect([epochs(), replica.committedIndex]).toEqual([[1n], 0n]);
  });

  it('follows a newer one before the coordinators tell of it, and its last one no more', async () => {
    const { append, replica } = await follower();
    expect(await append({ epoch: 6n, records: [recordAt(1n, 6n)] }, process3)).toMatchObject({
      result: DURABLE,
      index: 1n,
    });
    expect(await append({ epoch: 5n, records: [recordAt(1n, 5n)] })).toMatchObject({ result: STALE, epoch: 6n });
    expect(replica.handleBeacon(beaconOf({ epoch: 5n }), process2)).toMatchObject({ accepted: false, epoch: 6n });
  });

  it('refuses older ones after a restart as well', async () => {
    const { append, memory } = await follower();
    await append({ epoch: 9n }, process3);
    await append({ epoch: 9n, records: [recordAt(1n, 9n)] }, process3);
    const next = sampleReplica({ memory: memoryDisk(memory.disk) });
    next.replica.follow(assigned(5n, 'm2'));
    expect(await next.append({})).toMatchObject({ result: STALE, epoch: 9n });
  });

  it('says STALE when a higher one came while it wrote, and not that it has what may have been cut off', async () => {
    const { replica, memory } = await follower();
    const answer = replica.handleAppend(appendOf({ records: [recordAt(1n, 5n)] }), process2);
    await memory.beginSync();
    const later = replica.handleAppend(appendOf({ epoch: 6n, records: [recordAt(1n, 6n)] }), process3);
    await memory.sync();
    expect(await answer).toMatchObject({ result: STALE, epoch: 6n });
    expect(await later).toMatchObject({ result: DURABLE, index: 1n, epoch: 6n });
  });

  it.each([
    ['somebody else than the primary of the epoch', process3],
    ['itself', { nodeId: 'm1', generation: 1n }],
  ])('takes nothing from %s', async (_, sender) => {
    const { append, replica, epochs } = await follower();
    expect(await append({ records: [recordAt(1n, 5n)] }, sender)).toMatchObject({ result: NOT_NOW });
    expect(replica.handleBeacon(beaconOf({}), sender)).toMatchObject({ accepted: false });
    expect(epochs()).toEqual([]);
  });

  it('takes nothing before it knows of its assignment', async () => {
    const { append, replica } = sampleReplica();
    expect(await append({ records: [recordAt(1n, 5n)] })).toMatchObject({ result: NOT_NOW });
    expect(replica.handleBeacon(beaconOf({}), process2)).toMatchObject({ accepted: false });
  });
});

describe('a follower and what is committed', () => {
  it.each([
    ['as far as the primary has committed', 2n, 2n],
    ['no further than its log is known to be the primary’s', 9n, 3n],
  ])('applies %s', async (_, committedIndex, applied) => {
    const { append, replica } = await follower();
    await append({ records: recordsFrom(1n, [5n, 5n, 5n]), committedIndex });
    expect(replica.disk.state.position.index).toBe(applied);
  });

  it('does not take its own tail of another epoch for committed', async () => {
    const { append, replica } = await follower([1n, 2n, 2n]);
    await append({ previousIndex: 1n, previousEpoch: 1n, committedIndex: 3n });
    expect(replica.committedIndex).toBe(1n);
  });

  it.each([
    ['the same entry is there', { committedIndex: 2n, committedEpoch: 2n }, 2n],
    ['another entry is there', { committedIndex: 2n, committedEpoch: 3n }, 0n],
    ['no entry is there', { committedIndex: 4n, committedEpoch: 2n }, 0n],
  ])('learns it from a beacon when %s', async (_, beacon, expected) => {
    const { replica } = await follower([1n, 2n]);
    expect(replica.handleBeacon(beaconOf(beacon), process2)).toMatchObject({ accepted: true, epoch: 5n });
    expect(replica.committedIndex).toBe(expected);
  });

  it('never takes it back', async () => {
    const { replica, append } = await follower([1n, 2n], 2n);
    replica.handleBeacon(beaconOf({ committedIndex: 1n, committedEpoch: 1n }), process2);
    await append({ committedIndex: 1n });
    expect(replica.committedIndex).toBe(2n);
  });

  it('hears a primary that hears others, and keeps its lease from one that hears nobody', async () => {
    const { replica, clock } = await follower();
    clock.advance(5_000);
    replica.handleBeacon(beaconOf({}), process2);
    expect(replica.primaryHeardMs).toBe(5_000);
    clock.advance(5_000);
    expect(replica.handleBeacon(beaconOf({ unheard: true }), process2)).toMatchObject({ accepted: true });
    expect(replica.primaryHeardMs).toBe(5_000);
  });

  it('is told of damaged beacons by their checksum', async () => {
    const { replica } = await follower([1n]);
    const damaged = { ...beaconOf({ committedIndex: 0n }), committedIndex: 1n, committedEpoch: 1n };
    expect(() => replica.handleBeacon(damaged, process2)).toThrow(
      expect.objectContaining({ code: 'CHECKSUM_MISMATCH' }),
    );
    expect(replica.committedIndex).toBe(0n);
  });

  it('stops at an entry that cannot be read, says so, and takes no more', async () => {
    const { memory } = await follower([1n, 1n]);
    const record = recordAt(1n, 1n);
    record.writeUInt8(record.readUInt8(40) ^ 1, 40);
    await prepare(memory, (to) => to.putRecord(partition, 1n, record));
    const { replica, append, log } = sampleReplica({ memory: memoryDisk(memory.disk) });
    replica.follow(assigned(5n, 'm2'));
    await append({ previousIndex: 2n, previousEpoch: 1n, committedIndex: 2n });
    expect(replica.disk.state.position.index).toBe(0n);
    expect(log.lines).toMatchObject([{ level: 'error', fields: { partition } }]);
    expect(await append({ previousIndex: 2n, previousEpoch: 1n })).toMatchObject({ result: NOT_NOW });
    expect(replica.refusal()).toMatchObject({ code: 'DATA_CORRUPT' });
  });
});

describe('a follower that waits for its disk', () => {
  it('does not say that it has what was cleared meanwhile', async () => {
    const { replica, memory } = await follower();
    const answer = replica.handleAppend(appendOf({ records: [recordAt(1n, 5n)] }), process2);
    const cleared = replica.disk.clear(new AbortController().signal);
    await memory.sync();
    await cleared;
    expect(await answer).toMatchObject({ result: NOT_NOW });
  });
});

describe('a follower that the log does not reach back to', () => {
  const snapshotAfter = (previousIndex: bigint) => ({ previousIndex, previousEpoch: 1n, snapshotRequired: true });

  it('asks for a copy of the partition', async () => {
    const { append, snapshotsNeeded } = await follower([1n], 1n);
    expect(await append(snapshotAfter(9n))).toMatchObject({ result: NOT_NOW });
    expect(snapshotsNeeded).toEqual([partition]);
  });

  it('says from where to go on when it has been copied meanwhile', async () => {
    const { append, snapshotsNeeded } = await follower([1n, 1n, 1n], 3n);
    expect(await append(snapshotAfter(3n))).toMatchObject({ result: MISMATCH, index: 3n });
    expect(snapshotsNeeded).toEqual([]);
  });

  // What it has acknowledged counts for commits: only its applied position lags, and its log is sound.
  it('does not throw away a log that does reach back', async () => {
    const { append, snapshotsNeeded } = await follower([1n, 1n, 1n], 1n);
    expect(await append(snapshotAfter(2n))).toMatchObject({ result: MISMATCH, index: 2n });
    expect(snapshotsNeeded).toEqual([]);
  });

  it('takes no entries while it is copied, renews the lease, and goes on behind the copy', async () => {
    const { append, replica, memory, epochs, snapshotsNeeded } = await follower([1n], 1n);
    const filled = Promise.withResolvers<{ index: bigint; epoch: bigint }>();
    const replaced = replica.replace(new AbortController().signal, () => filled.promise);
    await memory.sync();
    expect(await append({ previousIndex: 1n, previousEpoch: 1n, records: [recordAt(2n, 5n)] })).toMatchObject({
      result: NOT_NOW,
    });
    expect(replica.handleBeacon(beaconOf({ committedIndex: 0n }), process2)).toMatchObject({ accepted: true });
    filled.resolve({ index: 40n, epoch: 4n });
    await memory.sync();
    await replaced;
    expect([replica.committedIndex, replica.disk.state.position]).toEqual([40n, { index: 40n, epoch: 4n }]);
    expect(await append({ previousIndex: 40n, previousEpoch: 4n, records: [recordAt(41n, 5n)] })).toMatchObject({
      result: DURABLE,
      index: 41n,
    });
    expect([epochs(), snapshotsNeeded]).toEqual([[5n], []]);
  });

  it('asks again when the copy broke off, and is nobody’s primary until it is whole', async () => {
    const { append, replica, memory, snapshotsNeeded } = await follower([1n], 1n);
    const replaced = replica.replace(new AbortController().signal, () => Promise.reject(new Error('broken off')));
    await Promise.all([memory.sync(), expect(replaced).rejects.toThrow('broken off')]);
    expect(await append({ records: [recordAt(1n, 5n)] })).toMatchObject({ result: NOT_NOW });
    expect(snapshotsNeeded).toEqual([partition]);
    replica.follow(assigned(6n, 'm1'));
    expect([replica.term, replica.refusal()?.code]).toEqual([undefined, 'NOT_PRIMARY']);
    const next = sampleReplica({ memory: memoryDisk(memory.disk) });
    next.replica.follow(assigned(7n, 'm1'));
    expect(next.replica.term).toBeUndefined();
  });

  it('is nobody’s primary from the moment when the copying begins', async () => {
    const { replica, memory } = await follower([1n], 1n);
    replica
      .handleAppend(appendOf({ previousIndex: 1n, previousEpoch: 1n, records: [recordAt(2n, 5n)] }), process2)
      .catch(() => undefined);
    const replaced = replica.replace(new AbortController().signal, () => Promise.reject(new Error('broken off')));
    replica.follow(assigned(6n, 'm1'));
    await Promise.all([memory.sync(), expect(replaced).rejects.toThrow('broken off')]);
    expect(replica.term).toBeUndefined();
  });
});
