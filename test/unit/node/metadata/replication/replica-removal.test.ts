import { describe, expect, it } from 'vitest';
import { PartitionDisk } from '../../../../../src/node/metadata/replication/partition-disk.ts';
import { ReplicaRemoval } from '../../../../../src/node/metadata/replication/replica-removal.ts';
import { manualClock } from '../../../base/manual-clock.ts';
import { recordingLog } from '../../../base/recording-log.ts';
import { memoryDisk, prepare } from '../memory-disk.ts';
import { held, placed } from './sample-replicas.ts';

async function removal() {
  const memory = memoryDisk();
  await prepare(memory, (to) => {
    for (const partition of [0, 1, 2]) to.writeHeader(partition, Buffer.concat([Buffer.of(1), Buffer.alloc(41)]));
  });
  const log = recordingLog();
  const stopping = new AbortController();
  const { store } = memory;
  let removed = 0;
  const modules = { store, clock: manualClock(), logger: log, stopping: stopping.signal, onDurable: () => undefined };
  const subject = new ReplicaRemoval({
    store,
    log,
    stopping: stopping.signal,
    open: (partition) => new PartitionDisk({ partition, retention: { entries: 1, bytes: 1 } }, modules),
    onRemoved: () => {
      removed += 1;
    },
  });
  return { memory, log, stopping, subject, removed: () => removed };
}

describe('ReplicaRemoval', () => {
  it.each([
    ['two hold it', held(2n, 'm2', { inSync: ['m2', 'm3'], replicas: ['m2', 'm3'] }), true],
    ['one holds it and another one is to', held(2n, 'm2', { inSync: ['m2'], replicas: ['m2', 'm3'] }), false],
    ['one holds it and no other is to', held(2n, 'm2', { inSync: ['m2'], replicas: ['m2'] }), true],
    ['nobody has it yet', held(0n, '', { inSync: [], replicas: [] }), false],
  ])('may remove a replica where %s: %s', async (_, assignment, may) => {
    const { subject } = await removal();
    expect(subject.mayRemove({ ...assignment, id: 0 })).toBe(may);
  });

  it('finds what is on the disk and has been moved elsewhere, and nothing that the topology does not know', async () => {
    const { subject } = await removal();
    const elsewhere = held(2n, 'm2', { inSync: ['m2', 'm3'], replicas: ['m2', 'm3'] });
    expect(subject.unassigned(placed([held(1n, 'm1'), elsewhere]), 'm1')).toEqual([1]);
  });

  it('says when it is through, and that it is under way until then', async () => {
    const { subject, memory, removed } = await removal();
    subject.remove(1);
    subject.remove(1);
    expect(subject.isRemoving(1)).toBe(true);
    await memory.sync();
    await subject.settled();
    expect([subject.isRemoving(1), removed(), memory.store.read((reader) => reader.partitions())]).toEqual([
      false,
      1,
      [0, 2],
    ]);
  });

  it('can be asked again when the disk refused it', async () => {
    const { subject, memory, removed, log } = await removal();
    memory.disk.isFull = true;
    subject.remove(1);
    await memory.sync();
    await subject.settled();
    expect([subject.isRemoving(1), removed()]).toEqual([false, 0]);
    expect(log.lines).toMatchObject([{ level: 'warn', fields: { partition: 1 } }]);
    memory.disk.isFull = false;
    subject.remove(1);
    await memory.sync();
    expect(removed()).toBe(1);
  });
});
