import { describe, expect, it, onTestFinished } from 'vitest';
import { StratumError } from '../../../../src/base/errors.ts';
import type { BlobSource } from '../../../../src/replication/blob-source.ts';
import type { NodeCallOptions } from '../../../../src/replication/node-io.ts';
import { RetryingNode } from '../../../../src/replication/nodes/retrying-node.ts';
import { ChannelPool } from '../../../../src/rpc/channel-pool.ts';
import { ObjectServiceClient } from '../../../../src/rpc/gen/stratum/v1/object.ts';
import { manualClock } from '../../base/manual-clock.ts';
import { inChunks, ScriptedNode } from '../scripted-node.ts';
import { blob, fence, late, noJitter, options, refusals, source, unreachable } from './sample-call.ts';

/** A node that fails as `script` says, one call after another, and then is well. */
function nodeThat(script: readonly (() => unknown)[]) {
  const clock = manualClock();
  const pool = new ChannelPool({}, { clock });
  onTestFinished(() => pool.close());
  const inner = new ScriptedNode('o1');
  const seen: NodeCallOptions[] = [];
  const next = (given: NodeCallOptions) => {
    seen.push(given);
    const turn = script[seen.length - 1];
    pool.client(ObjectServiceClient, inner.endpoint); // As a call over gRPC does.
    return turn?.();
  };
  inner.beforePut = (_, given) => next(given);
  inner.onGet = async (oid, range, given) => {
    await next(given);
    return inner.stored(oid, range);
  };
  const node = new RetryingNode(inner, { pool, clock, random: noJitter });
  return { node, inner, clock, pool, seen };
}

function fail(error: unknown) {
  return () => {
    throw error;
  };
}

/** Lets a call go on through its pause. */
async function settled<T>(call: Promise<T>, clock: ReturnType<typeof manualClock>): Promise<PromiseSettledResult<T>> {
  const [ending] = [Promise.allSettled([call])];
  let isOver = false;
  void ending.then(() => {
    isOver = true;
  });
  while (!isOver) {
    await new Promise(setImmediate);
    clock.advance(5);
  }
  const [result] = await ending;
  return result;
}

describe('RetryingNode', () => {
  it.each(['put', 'putMany', 'get'] as const)('tries a %s once more after the connection failed', async (method) => {
    const { node, inner, clock, seen } = nodeThat([fail(unreachable())]);
    inner.blobs.set(source.oid, blob.content);
    const calls: Record<typeof method, () => Promise<unknown>> = {
      put: () => node.put(source, fence, options),
      putMany: () => node.putMany([blob], fence, options),
      get: () => node.get(source.oid, { offset: 0 }, options),
    };
    expect(await settled(calls[method](), clock)).toMatchObject({ status: 'fulfilled' });
    expect(seen).toHaveLength(2);
    expect(seen[1]?.timeoutMs).toBeLessThan(options.timeoutMs);
    expect(seen[1]?.timeoutMs).toBeGreaterThan(options.timeoutMs - 100);
  });

  it('tries no third time, and says that it was the second', async () => {
    const first = unreachable();
    const { node, clock, seen } = nodeThat([fail(first), fail(unreachable())]);
    const result = await settled(node.put(source, fence, options), clock);
    expect(result).toMatchObject({
      reason: { code: 'UNREACHABLE', details: { endpoint: 'o1:1', method: 'PutBlob', attempt: 2 }, cause: first },
    });
    expect(seen).toHaveLength(2);
  });

  it.each([...refusals, late()].map((error) => [error.code, error] as const))(
    'does not repeat %s',
    async (_, error) => {
      const { node, clock, seen, pool } = nodeThat([fail(error)]);
      expect(await settled(node.put(source, fence, options), clock)).toMatchObject({ reason: error });
      expect(seen).toHaveLength(1);
      expect(pool.stats().evictions.error).toBe(0);
    },
  );

  it('makes the second try on a new channel', async () => {
    const { node, clock, pool } = nodeThat([fail(unreachable())]);
    pool.client(ObjectServiceClient, 'o1:1');
    const failed = pool.ticket('o1:1');
    await settled(node.put(source, fence, options), clock);
    expect(pool.ticket('o1:1')).not.toBe(failed);
    expect(pool.stats()).toMatchObject({ size: 1, evictions: { error: 1 } });
  });

  it('does not try again without time for it, nor for a caller who has left', async () => {
    const slow = nodeThat([]);
    slow.inner.beforePut = () => {
      slow.clock.advance(995);
      throw unreachable();
    };
    await expect(slow.node.put(source, fence, options)).rejects.toMatchObject({ code: 'UNREACHABLE' });
    const leaving = new AbortController();
    const left = nodeThat([
      () => {
        leaving.abort(unreachable('another:1'));
        throw leaving.signal.reason;
      },
    ]);
    left.pool.client(ObjectServiceClient, 'o1:1');
    const call = left.node.put(source, fence, { ...options, signal: leaving.signal });
    await expect(call).rejects.toMatchObject({ details: { endpoint: 'another:1' } });
    expect(left.pool.stats().evictions.error).toBe(0);
    expect([slow.inner.fences.length, left.seen.length]).toEqual([1, 1]);
  });

  it('ends its pause when the caller leaves', async () => {
    const leaving = new AbortController();
    const { node, seen, clock } = nodeThat([fail(unreachable())]);
    const call = node.put(source, fence, { ...options, signal: leaving.signal });
    while (clock.pendingTimers() === 0) await new Promise(setImmediate);
    leaving.abort(new StratumError('CANCELLED', 'enough copies'));
    await expect(call).rejects.toMatchObject({ message: 'enough copies' });
    expect([seen.length, clock.pendingTimers()]).toEqual([1, 0]);
  });

  it('does not repeat a put whose source cannot reach where it reads from', async () => {
    const gone = unreachable('a-third-node:1');
    const broken: BlobSource = {
      oid: source.oid,
      size: source.size,
      async *open() {
        yield Buffer.from('so');
        throw gone;
      },
    };
    const { node, clock, seen, pool } = nodeThat([]);
    pool.client(ObjectServiceClient, 'o1:1');
    expect(await settled(node.put(broken, fence, options), clock)).toMatchObject({ reason: gone });
    expect(seen).toHaveLength(1);
    expect(pool.stats().evictions.error).toBe(0);
  });

  it('leaves a stream that breaks off to its reader, and its channel to nobody', async () => {
    const { node, inner, pool } = nodeThat([]);
    pool.client(ObjectServiceClient, 'o1:1');
    const breaking = async function* () {
      yield* inChunks(Buffer.from('half'));
      throw unreachable();
    };
    inner.onGet = async () => ({ size: 8, chunks: breaking() });
    const { chunks } = await node.get(source.oid, { offset: 0 }, options);
    await expect(Array.fromAsync(chunks)).rejects.toMatchObject({ code: 'UNREACHABLE' });
    expect(inner.gets).toBe(1);
    expect(pool.stats().evictions.error).toBe(1);
  });
});
