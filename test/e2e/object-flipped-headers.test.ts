import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { asStratumError, hasCode, StratumError } from '../../src/base/errors.ts';
import { KiB } from '../../src/base/units.ts';
import { MemoryBlobSource } from '../../src/replication/memory-blob-source.ts';
import { RemoteNode } from '../../src/replication/remote/remote-node.ts';
import { ChannelPool } from '../../src/rpc/channel-pool.ts';
import { newContent, readWhole } from './blob-contents.ts';
import type { ObjectClient } from './object-client.ts';
import { ObjectCluster } from './object-cluster.ts';

const flippedTimeoutMs = 200;
const soundTimeoutMs = 5_000;
/** A flip that comes once. */
const never = Number.MAX_SAFE_INTEGER;

describe('one flipped bit in the head of a request for a large blob', () => {
  let cluster: ObjectCluster;
  let client: ObjectClient;
  beforeAll(async () => {
    cluster = await ObjectCluster.start();
    client = await cluster.connect();
  });
  afterAll(() => cluster?.remove());

  /** Runs a call over a connection of its own. */
  const overFresh = async <T>(call: (node: RemoteNode) => Promise<T>): Promise<T | StratumError> => {
    const pool = new ChannelPool();
    const node = new RemoteNode({ nodeId: 'o1', endpoint: cluster.link('o1').address }, { pool, clock: systemClock });
    try {
      return await call(node).catch(asStratumError);
    } finally {
      node.close();
      pool.close();
    }
  };

  /** Runs a call once for each of the first bytes that it sends, with a bit of that byte flipped; gives how each ended. */
  const withEachFlip = async <T>(bytes: number, call: (node: RemoteNode) => Promise<T>) => {
    const ends: (T | StratumError)[] = [];
    for (let byte = 0; byte < bytes; byte += 1) {
      await cluster.link('o1').break({ kind: 'flip', direction: 'to-node', firstByte: byte, everyBytes: never });
      ends.push(await overFresh(call));
    }
    await cluster.link('o1').heal();
    return ends;
  };

  const fence = () => {
    const { term, ring } = client.view.current() ?? expect.unreachable();
    return { term, ringEpoch: ring.epoch };
  };

  it('never has the blob called missing', async () => {
    const held = new MemoryBlobSource(newContent(100 * KiB));
    await overFresh((node) => node.put(held, fence(), { timeoutMs: soundTimeoutMs }));
    const get = async (node: RemoteNode) =>
      readWhole(await node.get(held.oid, { offset: 0 }, { timeoutMs: flippedTimeoutMs }));
    const ends = await withEachFlip(180, get);
    expect(ends.filter((end) => hasCode(end, 'BLOB_NOT_FOUND'))).toEqual([]);
    expect(ends.filter((end) => end instanceof StratumError).length).toBeGreaterThan(100);
  });

  it('never fences the node off from those who write to it', async () => {
    const broken = new MemoryBlobSource(newContent(100 * KiB));
    const ends = await withEachFlip(300, (node) => node.put(broken, fence(), { timeoutMs: flippedTimeoutMs }));
    expect(ends.filter((end) => end instanceof StratumError).length).toBeGreaterThan(150);
    const sound = new MemoryBlobSource(newContent(100 * KiB));
    expect(await overFresh((node) => node.put(sound, fence(), { timeoutMs: soundTimeoutMs }))).toEqual({
      existed: false,
    });
  });
});
