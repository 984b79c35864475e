import { describe, expect, it } from 'vitest';
import { PartitionDisk } from '../../../../../src/node/metadata/replication/partition-disk.ts';
import { encodeHeader } from '../../../../../src/node/metadata/replication/partition-header.ts';
import { manualClock } from '../../../base/manual-clock.ts';
import { recordingLog } from '../../../base/recording-log.ts';
import { memoryDisk, prepare, settled } from '../memory-disk.ts';
import { recordAt } from './sample-records.ts';

const partition = 3;
const retention = { entries: 1_000, bytes: 1_000_000 };

function openDisk(memory = memoryDisk()) {
  const clock = manualClock();
  const logger = recordingLog();
  const stopping = new AbortController();
  const durable: bigint[] = [];
  const disk: PartitionDisk = new PartitionDisk(
    { partition, retention },
    {
      store: memory.store,
      clock,
      logger,
      stopping: stopping.signal,
      onDurable: () => durable.push(disk.log.durableIndex),
    },
  );
  disk.open();
  const append = (...indexes: readonly bigint[]) => {
    for (const index of indexes) disk.log.append(recordAt(index, 1n));
    disk.changed();
  };
  const onDisk = () => memory.store.read((reader) => [...reader.records(partition, 0n)].map(({ index }) => index));
  return { disk, memory, clock, logger, stopping, durable, append, onDisk };
}

/** Whether a promise has resolved by now. */
function watched(promise: Promise<void>) {
  const seen = { isDone: false };
  void promise.then(() => {
    seen.isDone = true;
  });
  return seen;
}

const neverAborted = new AbortController().signal;

describe('PartitionDisk', () => {
  it('brings to disk together what came in while a commit was under way', async () => {
    const { memory, append, durable } = openDisk();
    append(1n);
    await memory.beginSync();
    for (let index = 2n; index <= 50n; index += 1n) append(index);
    await memory.sync();
    expect(durable).toEqual([1n, 50n]);
    expect(memory.syncs()).toBe(2);
  });

  it('says that it is durable when log and epoch are on disk, and not before', async () => {
    const { disk, memory, append } = openDisk();
    disk.raiseEpoch(4n);
    append(1n);
    const seen = watched(disk.whenDurable(1n, 4n));
    await memory.beginSync();
    await settled();
    expect(seen.isDone).toBe(false);
    await memory.sync();
    expect(seen.isDone).toBe(true);
    const { disk: reopened } = openDisk(memoryDisk(memory.disk));
    expect([reopened.epoch, reopened.log.last.index]).toEqual([4n, 1n]);
  });

  it('is not durable in an epoch that is only in memory, be the log on disk as it may', async () => {
    const { disk, memory, append } = openDisk();
    append(1n);
    await memory.sync();
    disk.raiseEpoch(4n);
    const seen = watched(disk.whenDurable(1n, 4n));
    await settled();
    expect(seen.isDone).toBe(false);
    await memory.sync();
    expect(seen.isDone).toBe(true);
  });

  it('lets nobody wait for an epoch that a higher one has ended', async () => {
    const { disk } = openDisk();
    disk.raiseEpoch(4n);
    const seen = watched(disk.whenDurable(7n, 4n));
    disk.raiseEpoch(5n);
    await settled();
    expect(seen.isDone).toBe(true);
  });

  it('lets nobody wait for what will not get there: the node stops, or the partition is cleared', async () => {
    const stopped = openDisk();
    const first = watched(stopped.disk.whenDurable(7n, 0n));
    stopped.stopping.abort();
    const cleared = openDisk();
    const second = watched(cleared.disk.whenDurable(7n, 0n));
    void cleared.disk.clear(neverAborted);
    await settled();
    expect([first.isDone, second.isDone]).toEqual([true, true]);
    await Promise.all([stopped.disk.whenDurable(8n, 0n), cleared.disk.whenDurable(8n, 0n)]);
    await cleared.memory.sync();
  });

  it('never takes an epoch back', () => {
    const { disk } = openDisk();
    disk.raiseEpoch(4n);
    disk.raiseEpoch(3n);
    expect(disk.epoch).toBe(4n);
  });

  it('keeps what the disk refuses, says so once, and brings it there when there is room', async () => {
    const { disk, memory, clock, logger, append, onDisk } = openDisk();
    memory.disk.isFull = true;
    append(1n);
    for (let tries = 0; tries < 3; tries += 1) {
      await memory.sync();
      clock.advance(500);
    }
    await memory.sync();
    expect(disk.error).toMatchObject({ code: 'DISK_FULL' });
    expect(logger.lines.filter(({ level }) => level === 'error')).toHaveLength(1);
    expect([disk.log.durableIndex, onDisk()]).toEqual([0n, []]);
    memory.disk.isFull = false;
    append(2n);
    clock.advance(500);
    await memory.sync();
    expect(disk.error).toBeUndefined();
    expect([disk.log.durableIndex, onDisk()]).toEqual([2n, [1n, 2n]]);
  });

  it('brings what is applied to disk with the log, in one commit', async () => {
    const { disk, memory, append } = openDisk();
    append(1n);
    await memory.sync();
    disk.state.apply({ index: 1n, epoch: 1n }, [{ key: Buffer.from('a'), value: Buffer.from('1') }]);
    append(2n);
    await memory.sync();
    expect(memory.syncs()).toBe(2);
    const { disk: reopened } = openDisk(memoryDisk(memory.disk));
    expect(reopened.state.position).toEqual({ index: 1n, epoch: 1n });
    expect(reopened.state.read((state) => state.get(Buffer.from('a')))?.toString()).toBe('1');
  });

  it('brings what is applied to disk though it was refused before', async () => {
    const { disk, memory, clock, append } = openDisk();
    append(1n);
    await memory.sync();
    memory.disk.isFull = true;
    disk.state.apply({ index: 1n, epoch: 1n }, [{ key: Buffer.from('a'), value: Buffer.from('1') }]);
    append(2n);
    await memory.sync();
    memory.disk.isFull = false;
    clock.advance(500);
    await memory.sync();
    const { disk: reopened } = openDisk(memoryDisk(memory.disk));
    expect(reopened.state.position.index).toBe(1n);
    expect(reopened.state.read((state) => state.get(Buffer.from('a')))?.toString()).toBe('1');
  });

  it('has everything on disk after a flush', async () => {
    const { disk, memory, append } = openDisk();
    append(1n);
    disk.state.apply({ index: 1n, epoch: 1n }, []);
    const flushed = watched(disk.flush());
    await settled();
    expect(flushed.isDone).toBe(false);
    await memory.sync();
    expect(flushed.isDone).toBe(true);
    expect(openDisk(memoryDisk(memory.disk)).disk.state.position.index).toBe(1n);
  });

  it('gives up a flush, and its tries, when the node stops', async () => {
    const { disk, memory, stopping, append } = openDisk();
    memory.disk.isFull = true;
    append(1n);
    const flushed = watched(disk.flush());
    await memory.sync();
    stopping.abort();
    await settled();
    expect(flushed.isDone).toBe(true);
    await disk.settled();
  });

  it('does not wait in a flush for what is being cleared', async () => {
    const { disk, memory } = openDisk();
    disk.raiseEpoch(4n);
    const cleared = disk.clear(neverAborted);
    await memory.sync();
    await cleared;
    disk.raiseEpoch(5n);
    let turns = 0;
    const { changed } = disk;
    // A flush that asks for ever would let nothing else run.
    disk.changed = () => {
      turns += 1;
      if (turns > 100) throw new Error('the flush goes round and round');
      changed.call(disk);
    };
    await disk.flush();
  });
});

describe('a partition that is cleared', () => {
  it('has nothing left on disk but its header, in steps, and is of no use until it begins anew', async () => {
    const { disk, memory, append, onDisk } = openDisk();
    await prepare(memory, (to) => {
      const rows = Array.from({ length: 11_000 }, (_, at) => ({ key: Buffer.from(`r${at}`), value: Buffer.alloc(1) }));
      to.writeState(partition, rows);
    });
    disk.raiseEpoch(9n);
    append(1n, 2n, 3n);
    await memory.sync();
    const cleared = disk.clear(neverAborted);
    await memory.sync();
    await cleared;
    expect(disk.isPartial).toBe(true);
    expect([onDisk(), disk.log.last.index, disk.state.position.index]).toEqual([[], 0n, 0n]);
    const rows = memory.store.read((reader) => [
      ...reader.state(partition).range({ start: Buffer.alloc(0), end: Buffer.of(0xff) }),
    ]);
    expect(rows).toEqual([]);
    const { disk: reopened } = openDisk(memoryDisk(memory.disk));
    expect([reopened.isPartial, reopened.epoch]).toEqual([true, 9n]);
    const begun = disk.begin({ index: 40n, epoch: 7n });
    await memory.sync();
    await begun;
    disk.log.append(recordAt(41n, 9n));
    disk.changed();
    await memory.sync();
    const { disk: next } = openDisk(memoryDisk(memory.disk));
    expect([next.isPartial, next.log.base, next.state.position, next.log.last.index]).toEqual([
      false,
      { index: 40n, epoch: 7n },
      { index: 40n, epoch: 7n },
      41n,
    ]);
  });

  it('waits for the commit under way, and writes nothing of what was there after it', async () => {
    const { disk, memory, append, onDisk } = openDisk();
    append(1n);
    await memory.beginSync();
    append(2n);
    const cleared = disk.clear(neverAborted);
    await memory.sync();
    await cleared;
    disk.changed();
    await memory.sync();
    expect([onDisk(), disk.log.durableIndex]).toEqual([[], 0n]);
  });

  it('stays of no use when the disk refuses its beginning', async () => {
    const { disk, memory } = openDisk();
    const cleared = disk.clear(neverAborted);
    await memory.sync();
    await cleared;
    memory.disk.isFull = true;
    const begun = disk.begin({ index: 40n, epoch: 7n });
    await Promise.all([memory.sync(), expect(begun).rejects.toMatchObject({ code: 'DISK_FULL' })]);
    expect(disk.isPartial).toBe(true);
  });

  it('takes up nothing of what a process before it left half done', async () => {
    const memory = memoryDisk();
    await prepare(memory, (to) => {
      const position = { index: 0n, epoch: 0n };
      to.writeHeader(partition, encodeHeader({ applied: position, base: position, epoch: 3n, isPartial: true }));
      to.putRecord(partition, 5n, recordAt(5n, 1n));
    });
    const { disk } = openDisk(memory);
    expect([disk.isPartial, disk.log.last.index, disk.epoch]).toEqual([true, 0n, 3n]);
  });

  it('is forgotten for good', async () => {
    const { disk, memory, append } = openDisk();
    append(1n);
    await memory.sync();
    const forgotten = disk.clear(neverAborted).then(() => disk.forget());
    await memory.sync();
    await forgotten;
    expect(memory.store.read((reader) => reader.partitions())).toEqual([]);
  });
});
