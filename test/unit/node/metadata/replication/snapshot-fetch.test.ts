import { describe, expect, it } from 'vitest';
import { StratumError } from '../../../../../src/base/errors.ts';
import { encodeHeader } from '../../../../../src/node/metadata/replication/partition-header.ts';
import { SnapshotFetch } from '../../../../../src/node/metadata/replication/snapshot-fetch.ts';
import { readSnapshot } from '../../../../../src/node/metadata/replication/snapshot-transfer.ts';
import type { FetchSnapshotRequest } from '../../../../../src/rpc/gen/stratum/v1/metadata.ts';
import { recordingLog } from '../../../base/recording-log.ts';
import { memoryDisk, prepare, settled } from '../memory-disk.ts';
import { recordsFrom } from './sample-records.ts';
import { assigned, partition, sampleReplica } from './sample-replica.ts';

/** A replica of m1 whose primary m2 holds 40 entries, and what fetches from there. */
async function fetching() {
  const sample = sampleReplica();
  sample.replica.follow(assigned(5n, 'm2'));
  const primary = memoryDisk();
  const applied = { index: 40n, epoch: 4n };
  await prepare(primary, (to) => {
    to.writeState(partition, [{ key: Buffer.from('ra'), value: Buffer.from('1') }]);
    to.writeHeader(partition, encodeHeader({ applied, base: applied, epoch: 5n, isPartial: false }));
  });
  const asked: (readonly [string, FetchSnapshotRequest])[] = [];
  const gate = { open: Promise.resolve() };
  const log = recordingLog();
  const stopping = new AbortController();
  const unused = () => Promise.reject(new Error('not asked for'));
  const peers = {
    peer: (nodeId: string) => ({
      appendEntries: unused,
      beacon: unused,
      fetchSnapshot: async function* (request: FetchSnapshotRequest) {
        asked.push([nodeId, request]);
        await gate.open;
        yield* readSnapshot(primary.store, partition);
      },
    }),
  };
  const fetch = new SnapshotFetch({ store: sample.memory.store, peers, log, stopping: stopping.signal });
  return { ...sample, fetch, asked, gate, log, stopping };
}

describe('SnapshotFetch', () => {
  it('copies a partition from its primary', async () => {
    const { fetch, replica, memory, asked } = await fetching();
    fetch.fetch(replica);
    await memory.sync();
    await fetch.settled();
    expect(asked).toEqual([['m2', { partition, epoch: 5n }]]);
    expect(replica.disk.state.position).toEqual({ index: 40n, epoch: 4n });
    expect(replica.peek((state) => state.get(Buffer.from('ra')))?.toString()).toBe('1');
  });

  it('copies a partition once at a time, and no more than two of them', async () => {
    const { fetch, replica, memory, asked, gate } = await fetching();
    gate.open = new Promise(() => undefined);
    fetch.fetch(replica);
    fetch.fetch(replica);
    await memory.sync();
    expect(asked).toHaveLength(1);
    for (const number of [8, 9]) {
      const other = sampleReplica({ memory });
      other.replica.follow(assigned(5n, 'm2'));
      Object.defineProperty(other.replica, 'partition', { value: number });
      fetch.fetch(other.replica);
      await memory.sync();
    }
    expect(asked.map(([, request]) => request.partition)).toEqual([partition, 8]);
  });

  it('can be asked again after it has failed, and says why it did', async () => {
    const { fetch, replica, memory, asked, gate, log } = await fetching();
    gate.open = Promise.reject(new Error('broken off'));
    gate.open.catch(() => undefined);
    fetch.fetch(replica);
    await memory.sync();
    await fetch.settled();
    expect(log.lines).toMatchObject([{ level: 'warn', fields: { partition, from: 'm2' } }]);
    gate.open = Promise.resolve();
    fetch.fetch(replica);
    await memory.sync();
    await fetch.settled();
    expect(asked).toHaveLength(2);
    expect(replica.disk.isPartial).toBe(false);
  });

  it('removes nothing when the one it asks is not the primary any more', async () => {
    const { fetch, replica, memory, append, gate } = await fetching();
    await append({ records: recordsFrom(1n, [5n, 5n]), committedIndex: 2n });
    gate.open = Promise.reject(new StratumError('NOT_PRIMARY', 'another one is', { partition, epoch: 6n }));
    gate.open.catch(() => undefined);
    fetch.fetch(replica);
    await memory.sync();
    await fetch.settled();
    expect([replica.disk.isPartial, replica.disk.log.last.index]).toEqual([false, 2n]);
  });

  it('begins nothing once the node stops', async () => {
    const { fetch, replica, stopping, asked } = await fetching();
    stopping.abort();
    fetch.fetch(replica);
    await settled();
    expect(asked).toEqual([]);
  });
});
