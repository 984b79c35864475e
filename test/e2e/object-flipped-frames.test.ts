import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { asStratumError, hasCode, StratumError } from '../../src/base/errors.ts';
import { KiB } from '../../src/base/units.ts';
import { MemoryBlobSource } from '../../src/replication/memory-blob-source.ts';
import { RemoteNode } from '../../src/replication/remote/remote-node.ts';
import { ChannelPool } from '../../src/rpc/channel-pool.ts';
import { newContent } from './blob-contents.ts';
import type { ObjectClient } from './object-client.ts';
import { ObjectCluster } from './object-cluster.ts';

const flippedTimeoutMs = 250;
const soundTimeoutMs = 5_000;
/** A flip that comes once. */
const never = Number.MAX_SAFE_INTEGER;

/** The request for the upgrade has some 110 bytes; the frame's head, the fence and the blob's id follow. */
const bytes = Array.from({ length: 190 }, (_, byte) => byte);

describe('a stream of small blobs with one flipped bit on its way to the node', () => {
  let cluster: ObjectCluster;
  let client: ObjectClient;
  beforeAll(async () => {
    cluster = await ObjectCluster.start();
    client = await cluster.connect();
  });
  afterAll(() => cluster?.remove());

  /** One call over a connection of its own. */
  const fresh = async <T>(work: (node: RemoteNode) => Promise<T>): Promise<T> => {
    const pool = new ChannelPool();
    const endpoint = cluster.link('o1').address;
    const node = new RemoteNode({ nodeId: 'o1', endpoint }, { pool, clock: systemClock });
    try {
      return await work(node);
    } finally {
      node.close();
      pool.close();
    }
  };
  const flipped = async <T>(byte: number, work: (node: RemoteNode) => Promise<T>): Promise<T | StratumError> => {
    await cluster.link('o1').break({ kind: 'flip', direction: 'to-node', firstByte: byte, everyBytes: never });
    try {
      return await fresh((node) => work(node).catch(asStratumError));
    } finally {
      await cluster.link('o1').heal();
    }
  };
  const fence = () => {
    const { term, ring } = client.view.current() ?? expect.unreachable();
    return { term, ringEpoch: ring.epoch };
  };

  it('does not have a blob called missing that is there', async () => {
    const held = new MemoryBlobSource(newContent(4 * KiB));
    await fresh((node) => node.put(held, fence(), { timeoutMs: soundTimeoutMs }));
    for (const byte of bytes.filter((each) => each % 3 === 0)) {
      const answer = await flipped(byte, (node) => node.getMany([held.oid], { timeoutMs: flippedTimeoutMs }));
      const isTold =
        answer instanceof StratumError ? !hasCode(answer, 'BLOB_NOT_FOUND') : answer[0]?.presence === 'PRESENT';
      expect(isTold, `byte ${byte}`).toBe(true);
    }
  });

  // Last: a node whose fence was raised by a flipped bit takes no write of this cluster any more.
  it('does not fence the node off from its writers', async () => {
    let damagedCount = 0;
    for (const byte of bytes) {
      const put = new MemoryBlobSource(newContent(KiB));
      const outcome = await flipped(byte, (node) => node.put(put, fence(), { timeoutMs: flippedTimeoutMs }));
      if (hasCode(outcome, 'DATA_CORRUPT')) damagedCount += 1;
      const isFenced = hasCode(outcome, 'STALE_TERM') || hasCode(outcome, 'STALE_EPOCH');
      expect(isFenced, `byte ${byte}: ${outcome instanceof StratumError ? outcome.message : ''}`).toBe(false);
    }
    expect(damagedCount).toBeGreaterThan(30); // Most flips behind the upgrade were found by its checksums.
    const sound = new MemoryBlobSource(newContent(KiB));
    expect(await fresh((node) => node.put(sound, fence(), { timeoutMs: soundTimeoutMs }))).toEqual({ existed: false });
  });
});
