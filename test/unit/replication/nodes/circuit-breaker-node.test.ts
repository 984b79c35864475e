import { describe, expect, it } from 'vitest';
import { StratumError } from '../../../../src/base/errors.ts';
import type { BlobSource } from '../../../../src/replication/blob-source.ts';
import { CircuitBreakerNode } from '../../../../src/replication/nodes/circuit-breaker-node.ts';
import { manualClock } from '../../base/manual-clock.ts';
import { inChunks, ScriptedNode } from '../scripted-node.ts';
import { blob, fence, late, noJitter, options, refusals, source, unreachable } from './sample-call.ts';

const failuresMax = 5;
const firstPauseMs = 1_000;

function breaker() {
  const clock = manualClock();
  const inner = new ScriptedNode('o1');
  const node = new CircuitBreakerNode(inner, { clock, random: noJitter });
  let calls = 0;
  let outcome: () => unknown = () => undefined;
  inner.beforePut = () => {
    calls += 1;
    return outcome();
  };
  const puts = {
    /** What the node does from now on; every put meets it. */
    meet: (next: () => unknown) => {
      outcome = next;
    },
    fail: (error: unknown) =>
      puts.meet(() => {
        throw error;
      }),
    put: (given = options) => node.put(source, fence, given),
    failTimes: async (times: number, error: unknown) => {
      puts.fail(error);
      for (let time = 0; time < times; time += 1) await expect(puts.put()).rejects.toThrow();
    },
    open: () => puts.failTimes(failuresMax, unreachable()),
    calls: () => calls,
  };
  return { node, inner, clock, puts };
}

describe('CircuitBreakerNode', () => {
  it.each([
    ['connections that fail', unreachable()],
    ['calls without an answer', late()],
  ])('opens after %s, five in a row, and then fails at once', async (_, error) => {
    const { node, puts } = breaker();
    await puts.failTimes(failuresMax - 1, error);
    expect(node.state).toBe('closed');
    await puts.failTimes(1, error);
    expect(node.state).toBe('open');
    puts.meet(() => undefined);
    await expect(puts.put()).rejects.toMatchObject({ code: 'UNREACHABLE' });
    expect(puts.calls()).toBe(failuresMax);
  });

  it('says since when a node is not called, why, and when it will be', async () => {
    const { puts, clock } = breaker();
    clock.advance(5_000);
    await puts.open();
    clock.advance(400);
    await expect(puts.put()).rejects.toMatchObject({
      code: 'UNREACHABLE',
      message: 'o1 at o1:1 is not called since 1970-01-01T00:16:45.000Z: connection to o1:1 refused',
      hint: 'it is tried again in 600ms',
      details: { endpoint: 'o1:1', method: 'put' },
      cause: { code: 'UNREACHABLE', message: 'connection to o1:1 refused' },
    });
  });

  it('opens for every method, whichever has failed', async () => {
    const { node, puts } = breaker();
    await puts.open();
    const calls = [
      node.putMany([blob], fence, options),
      node.get(source.oid, { offset: 0 }, options),
      node.getMany([source.oid], options),
      node.has([source.oid], false, options),
    ];
    for (const call of calls) await expect(call).rejects.toMatchObject({ code: 'UNREACHABLE' });
    expect(puts.calls()).toBe(failuresMax);
  });

  it('counts failures in a row: an answer in between begins anew', async () => {
    const { node, puts } = breaker();
    await puts.failTimes(failuresMax - 1, unreachable());
    puts.meet(() => undefined);
    await puts.put();
    await puts.failTimes(failuresMax - 1, unreachable());
    expect(node.state).toBe('closed');
  });

  it.each(refusals.map((error) => [error.code, error] as const))('takes %s for an answer', async (_, error) => {
    const { node, puts } = breaker();
    await puts.failTimes(failuresMax - 1, unreachable());
    await puts.failTimes(failuresMax, error);
    await puts.failTimes(failuresMax - 1, unreachable());
    expect(node.state).toBe('closed');
  });

  it('holds what a caller ends against nobody, and for nobody', async () => {
    const { node, puts } = breaker();
    const gone = { ...options, signal: AbortSignal.abort(unreachable()) };
    puts.fail(unreachable());
    for (let time = 0; time < 20; time += 1) await expect(puts.put(gone)).rejects.toThrow();
    expect(node.state).toBe('closed');
    await puts.failTimes(failuresMax - 1, unreachable());
    await expect(puts.put(gone)).rejects.toThrow();
    await puts.failTimes(1, unreachable());
    expect(node.state).toBe('open');
  });

  it('does not hold against a node what had no time, or takes any time', async () => {
    const { node, inner, puts } = breaker();
    puts.fail(late());
    for (let time = 0; time < 20; time += 1) await expect(puts.put({ timeoutMs: 249 })).rejects.toThrow();
    inner.has = async () => {
      throw late();
    };
    for (let time = 0; time < 20; time += 1) await expect(node.has([], true, options)).rejects.toThrow();
    expect(node.state).toBe('closed');
    for (let time = 0; time < failuresMax; time += 1) await expect(node.has([], false, options)).rejects.toThrow();
    expect(node.state).toBe('open');
  });

  it('does not hold a source that hangs, or breaks off, against the node', async () => {
    const { node, inner } = breaker();
    const hanging: BlobSource = {
      oid: source.oid,
      size: source.size,
      async *open() {
        yield Buffer.from('so');
        await new Promise<never>(() => undefined);
      },
    };
    const broken: BlobSource = {
      ...hanging,
      async *open() {
        yield Buffer.from('so');
        throw unreachable('a-third-node:1');
      },
    };
    inner.put = async (given) => {
      const chunks = given.open()[Symbol.asyncIterator]();
      await chunks.next();
      const more = chunks.next();
      return await Promise.race([more, new Promise(setImmediate)]).then(() => {
        throw late();
      });
    };
    for (const bad of [hanging, broken]) {
      for (let time = 0; time < failuresMax * 2; time += 1)
        await expect(node.put(bad, fence, options)).rejects.toThrow();
      expect(node.state).toBe('closed');
    }
  });

  it('lets one call through after the pause, and closes when it is answered, be it with a refusal', async () => {
    for (const answer of [undefined, ...refusals]) {
      const { node, clock, puts } = breaker();
      await puts.open();
      clock.advance(firstPauseMs - 1);
      await expect(puts.put()).rejects.toThrow('not called');
      clock.advance(1);
      const { promise, resolve } = Promise.withResolvers<void>();
      puts.meet(async () => {
        await promise;
        if (answer !== undefined) throw answer;
      });
      const trial = puts.put().catch((error: unknown) => error);
      expect(node.state).toBe('half-open');
      await expect(puts.put()).rejects.toMatchObject({ code: 'UNREACHABLE', hint: 'it is being tried again' });
      resolve();
      expect(await trial).toEqual(answer ?? { existed: false });
      expect([node.state, puts.calls()]).toEqual(['closed', failuresMax + 1]);
    }
  });

  it('pauses longer each time that it was in vain, up to a bound, and briefly again after an answer', async () => {
    const { node, clock, puts } = breaker();
    await puts.open();
    for (const pauseMs of [1_000, 2_000, 4_000, 8_000, 15_000, 15_000]) {
      clock.advance(pauseMs - 1);
      await expect(puts.put()).rejects.toThrow('not called');
      clock.advance(1);
      await expect(puts.put()).rejects.toThrow('refused');
      expect(node.state).toBe('open');
    }
    clock.advance(15_000);
    puts.meet(() => undefined);
    await puts.put();
    await puts.open();
    clock.advance(firstPauseMs);
    puts.meet(() => undefined);
    await puts.put();
    expect(node.state).toBe('closed');
  });

  it('lets the next call through at once when the caller of the first has left it', async () => {
    const { node, clock, puts } = breaker();
    await puts.open();
    clock.advance(firstPauseMs);
    const leaving = new AbortController();
    puts.meet(() => {
      leaving.abort(new StratumError('CANCELLED', 'hedged'));
      throw leaving.signal.reason;
    });
    await expect(node.put(source, fence, { ...options, signal: leaving.signal })).rejects.toThrow('hedged');
    expect(node.state).toBe('open');
    puts.meet(() => undefined);
    await puts.put();
    expect(node.state).toBe('closed');
  });

  it('pauses as ever after a late failure came between a trial and its caller’s leaving', async () => {
    const { node, clock, puts } = breaker();
    const late = Promise.withResolvers<void>();
    puts.meet(() => late.promise);
    const old = puts.put().catch((error: unknown) => error);
    await puts.open();
    clock.advance(firstPauseMs);
    const leaving = new AbortController();
    const trial = Promise.withResolvers<void>();
    puts.meet(() => trial.promise);
    const left = node.put(source, fence, { ...options, signal: leaving.signal }).catch((error: unknown) => error);
    late.reject(unreachable());
    await old;
    expect(node.state).toBe('open');
    leaving.abort(new StratumError('CANCELLED', 'hedged'));
    trial.reject(leaving.signal.reason);
    await left;
    clock.advance(15_000);
    await puts.failTimes(1, unreachable());
    await expect(puts.put()).rejects.toThrow('not called');
  });

  it('opens when a hundred calls fail together, once', async () => {
    const { node, clock, puts } = breaker();
    const { promise, resolve } = Promise.withResolvers<void>();
    puts.meet(async () => {
      await promise;
      throw unreachable();
    });
    const calls = Array.from({ length: 100 }, () => puts.put());
    resolve();
    await Promise.allSettled(calls);
    expect(node.state).toBe('open');
    puts.meet(() => undefined);
    clock.advance(firstPauseMs);
    await puts.put();
    expect(node.state).toBe('closed');
  });

  it('judges a read by its whole stream', async () => {
    const { node, inner } = breaker();
    const breaking = async function* () {
      yield* inChunks(Buffer.from('half'));
      throw late();
    };
    inner.onGet = async () => ({ size: 8, chunks: breaking() });
    for (let time = 0; time < failuresMax; time += 1) {
      const { chunks } = await node.get(source.oid, { offset: 0 }, options);
      await expect(Array.fromAsync(chunks)).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
      await new Promise(setImmediate);
    }
    expect(node.state).toBe('open');
  });

  it('takes a read that its reader leaves for an answer', async () => {
    const { node, inner, puts } = breaker();
    inner.blobs.set(source.oid, blob.content);
    await puts.failTimes(failuresMax - 1, unreachable());
    const { chunks } = await node.get(source.oid, { offset: 0 }, options);
    for await (const _ of chunks) break;
    await new Promise(setImmediate);
    await puts.failTimes(failuresMax - 1, unreachable());
    expect(node.state).toBe('closed');
  });
});
