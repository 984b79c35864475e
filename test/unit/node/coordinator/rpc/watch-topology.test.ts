import { getEventListeners } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../../../src/base/clock.ts';
import { hasCode, StratumError } from '../../../../../src/base/errors.ts';
import type { UpdateListener } from '../../../../../src/consensus/topology-log.ts';
import { coordinatorService } from '../../../../../src/node/coordinator/coordinator-service.ts';
import { watchTopology } from '../../../../../src/node/coordinator/rpc/watch-topology.ts';
import { callServerStream } from '../../../../../src/rpc/call.ts';
import { ChannelPool } from '../../../../../src/rpc/channel-pool.ts';
import {
  CoordinatorServiceClient,
  CoordinatorServiceService,
  type WatchTopologyResponse,
} from '../../../../../src/rpc/gen/stratum/v1/coordinator.ts';
import { GrpcServer } from '../../../../../src/rpc/grpc-server.ts';
import { decodeTopology, decodeUpdate } from '../../../../../src/rpc/topology-codec.ts';
import { applyUpdate } from '../../../../../src/topology/apply-update.ts';
import type { Topology } from '../../../../../src/topology/topology.ts';
import { delegatingConsensus } from '../../../consensus/delegating-consensus.ts';
import { register } from '../../../topology/sample-cluster.ts';
import { call, follower, otherLeader, sampleCoordinator } from '../sample-coordinator.ts';

/** An event in short: "update 3", "fullSync 5", "keepalive 2", "lagged". */
function brief({ event }: WatchTopologyResponse): string {
  if (event?.$case === 'lagged' || event === undefined) return String(event?.$case);
  return `${event.$case} ${event.value.version}`;
}

async function next(events: AsyncIterator<WatchTopologyResponse>): Promise<string> {
  const { value, done } = await events.next();
  return done === true ? 'end' : brief(value);
}

function watch(
  modules: Parameters<typeof watchTopology>[0],
  sinceVersion: bigint,
  signal = call.signal,
): AsyncIterator<WatchTopologyResponse> {
  return watchTopology(modules)({ sinceVersion }, { ...call, signal })[Symbol.asyncIterator]();
}

const three = ['a', 'b', 'c'].map((id) => register({ id, roles: ['frontend'] }));

describe('WatchTopology', () => {
  it.each([
    ['0 gets a full sync first, also of an empty cluster', [], 0n, ['fullSync 0']],
    ['0 gets a full sync first', three, 0n, ['fullSync 3']],
    ['the history gets the updates since', three, 1n, ['update 2', 'update 3']],
    ['the present version learns that it is up to date', three, 3n, ['keepalive 3']],
  ])('from version %s', async (_, commands, since, expected) => {
    const { modules } = await sampleCoordinator(commands);
    const events = watch(modules, since);
    for (const event of expected) expect(await next(events)).toBe(event);
    await modules.consensus.propose(register({ id: 'z', roles: ['frontend'] }));
    expect(await next(events)).toBe(`update ${commands.length + 1}`);
    await events.return?.();
  });

  it('gives a full sync when the history no longer reaches back', async () => {
    const { modules } = await sampleCoordinator(three, { historyMax: 1 });
    expect(await next(watch(modules, 1n))).toBe('fullSync 3');
    expect(await next(watch(modules, 2n))).toBe('update 3');
  });

  it('refuses a version of the future', async () => {
    const { modules } = await sampleCoordinator(three);
    await expect(next(watch(modules, 4n))).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      details: { field: 'since_version' },
    });
  });

  it('misses nothing that is committed between its start and its first event', async () => {
    const { modules } = await sampleCoordinator(three);
    const events = watch(modules, 2n);
    const first = next(events);
    await modules.consensus.propose(register({ id: 'z', roles: ['frontend'] }));
    expect([await first, await next(events)]).toEqual(['update 3', 'update 4']);
  });

  it('carries previous_version in each update', async () => {
    const { modules } = await sampleCoordinator(three);
    const { value } = await watch(modules, 1n).next();
    expect(value.event).toMatchObject({ $case: 'update', value: { previousVersion: 1n, version: 2n } });
  });

  it('sends a keepalive well within the promised ten seconds of silence', async () => {
    const { modules } = await sampleCoordinator(three);
    const events = watch(modules, 3n);
    await next(events);
    const second = next(events);
    while (modules.clock.pendingTimers() === 0) await Promise.resolve();
    modules.clock.advance(8_000);
    expect(await second).toBe('keepalive 3');
  });

  it('tells a reader that fell behind, gives it a full sync, and goes on from there without a gap', async () => {
    const { modules } = await sampleCoordinator();
    const events = watch(modules, 0n);
    expect(await next(events)).toBe('fullSync 0');
    const many = Array.from({ length: 300 }, (_, index) => register({ id: `n${index}`, roles: ['frontend'] }));
    // The reader has asked for nothing meanwhile.
    for (const command of many) await modules.consensus.propose(command);
    expect(await next(events)).toBe('lagged');
    await modules.consensus.propose(register({ id: 'more', roles: ['frontend'] }));
    expect(await next(events)).toBe('fullSync 301');
    await modules.consensus.propose(register({ id: 'last', roles: ['frontend'] }));
    expect(await next(events)).toBe('update 302');
  });

  it('ends when the caller goes away, and stops listening', async () => {
    const { modules } = await sampleCoordinator();
    const caller = new AbortController();
    const events = watch(modules, 0n, caller.signal);
    await next(events);
    const second = next(events);
    caller.abort();
    expect(await second).toBe('end');
    expect(modules.clock.pendingTimers()).toBe(0);
  });

  it('leaves no trace at the coordinator, however many watches come and go', async () => {
    const { modules } = await sampleCoordinator();
    const callers = Array.from({ length: 100 }, () => new AbortController());
    for (const caller of callers) {
      const events = watch(modules, 0n, caller.signal);
      await next(events);
      const ended = next(events);
      caller.abort();
      expect(await ended).toBe('end');
    }
    expect(getEventListeners(modules.stopping, 'abort')).toEqual([]);
    expect(callers.flatMap(({ signal }) => getEventListeners(signal, 'abort'))).toEqual([]);
  });

  it('ends with SHUTTING_DOWN when the coordinator stops, so that the reader goes to another', async () => {
    const { modules, stop } = await sampleCoordinator();
    const events = watch(modules, 0n);
    await next(events);
    const second = next(events);
    stop();
    await expect(second).rejects.toSatisfy((error) => hasCode(error, 'SHUTTING_DOWN'));
  });
});

/** A coordinator whose copy has an age, and whose updates the test can lose. */
async function aging(commands = three) {
  const { modules } = await sampleCoordinator(commands);
  const listeners = new Set<UpdateListener>();
  let ageMs = 0;
  const consensus = delegatingConsensus(modules.consensus, {
    ageMs: () => ageMs,
    subscribe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  });
  const age = (ms: number) => {
    ageMs = ms;
  };
  const jump = () => {
    for (const listener of listeners) listener(undefined, consensus.current());
  };
  return { modules: { ...modules, consensus }, listeners, age, jump };
}

describe('WatchTopology at a coordinator that has lost its store', () => {
  it('ends with NO_QUORUM in place of a keepalive that would claim to be up to date', async () => {
    const { modules, listeners, age } = await aging();
    const events = watch(modules, 3n);
    expect(await next(events)).toBe('keepalive 3');
    const second = next(events);
    while (modules.clock.pendingTimers() === 0) await Promise.resolve();
    age(10_001);
    modules.clock.advance(8_000);
    await expect(second).rejects.toMatchObject({ code: 'NO_QUORUM', details: { sinceMs: 10_001 } });
    expect(listeners.size).toBe(0);
  });

  it('still sends keepalives while its copy is young enough', async () => {
    const { modules, age } = await aging();
    const events = watch(modules, 3n);
    await next(events);
    const second = next(events);
    while (modules.clock.pendingTimers() === 0) await Promise.resolve();
    age(10_000);
    modules.clock.advance(8_000);
    expect(await second).toBe('keepalive 3');
  });

  it.each([
    ['nothing', 0n, ['fullSync 3']],
    ['an older version', 1n, ['update 2', 'update 3']],
    ['the same version', 3n, []],
  ])('gives a reader that has %s what it can, and then sends it on', async (_, since, expected) => {
    const { modules, listeners, age } = await aging();
    age(60_000);
    const events = watch(modules, since);
    for (const event of expected) expect(await next(events)).toBe(event);
    await expect(next(events)).rejects.toMatchObject({ code: 'NO_QUORUM' });
    expect(listeners.size).toBe(0);
  });

  it('gives a full sync when it was away for longer than its history', async () => {
    const { modules, jump } = await aging();
    const events = watch(modules, 3n);
    await next(events);
    const second = next(events);
    jump();
    expect(await second).toBe('fullSync 3');
  });
});

describe('WatchTopology at a follower', () => {
  it('asks a reader that is ahead of it to come back, and keeps what the reader has', async () => {
    const { modules } = await sampleCoordinator(three);
    const consensus = follower(modules.consensus, otherLeader);
    await expect(next(watch({ ...modules, consensus }, 4n))).rejects.toMatchObject({ code: 'NOT_READY' });
  });

  it('answers NOT_READY before it has read a topology', async () => {
    const { modules } = await sampleCoordinator();
    const consensus = delegatingConsensus(modules.consensus, {
      current: () => {
        throw new StratumError('NOT_READY', 'not yet', { what: 'the store' });
      },
    });
    await expect(next(watch({ ...modules, consensus }, 0n))).rejects.toMatchObject({ code: 'NOT_READY' });
  });
});

describe('WatchTopology over gRPC', () => {
  const closers: (() => unknown)[] = [];

  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close();
  });

  it('brings a slow reader to the same topology by lagged and a full sync, within bounded memory', async () => {
    const { modules } = await sampleCoordinator();
    const server = new GrpcServer({ host: '127.0.0.1', port: 0 });
    server.add(CoordinatorServiceService, coordinatorService(modules));
    await server.start();
    closers.push(() => server.stop(AbortSignal.abort()));
    const channels = new ChannelPool();
    closers.push(() => channels.close());
    const client = channels.client(CoordinatorServiceClient, server.address);
    const reading = new AbortController();
    closers.push(() => reading.abort());
    const target = {
      endpoint: server.address,
      method: 'WatchTopology',
      timeoutMs: Infinity,
      clock: systemClock,
      signal: reading.signal,
    };
    const events = callServerStream(client.watchTopology.bind(client), { sinceVersion: 0n }, target);
    await events.next();
    // Each update carries some kilobytes, so that the connection's windows fill while nobody reads.
    const labels = Object.fromEntries(Array.from({ length: 32 }, (_, index) => [`label-${index}`, 'v'.repeat(63)]));
    for (let index = 0; index < 2_000; index += 1) {
      await modules.consensus.propose(
        register({ id: `n${index % 20}`, generationId: BigInt(index + 1), labels, roles: ['frontend'] }),
      );
      if (index % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    let topology: Topology | undefined;
    const kinds = new Set<string>();
    for await (const { event } of events) {
      kinds.add(String(event?.$case));
      if (event?.$case === 'fullSync') topology = decodeTopology(event.value);
      if (event?.$case === 'update' && topology !== undefined)
        topology = applyUpdate(topology, decodeUpdate(event.value));
      if (topology?.version === 2_000n) break;
    }
    expect(kinds).toContain('lagged');
    expect(topology).toEqual(modules.consensus.current());
  });
});
