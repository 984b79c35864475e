import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../../src/base/clock.ts';
import { StratumError } from '../../../../src/base/errors.ts';
import { systemRandom } from '../../../../src/base/random.ts';
import { CoordinatorClient } from '../../../../src/client/coordinator-client.ts';
import type { Leadership } from '../../../../src/consensus/consensus.ts';
import { EmbeddedConsensus } from '../../../../src/consensus/embedded-consensus.ts';
import { MemoryTopologyStore } from '../../../../src/consensus/memory-topology-store.ts';
import { CoordinatorNode } from '../../../../src/node/coordinator/coordinator.ts';
import { callUnary } from '../../../../src/rpc/call.ts';
import { ChannelPool } from '../../../../src/rpc/channel-pool.ts';
import { CoordinatorServiceClient } from '../../../../src/rpc/gen/stratum/v1/coordinator.ts';
import { GrpcServer } from '../../../../src/rpc/grpc-server.ts';
import { Metrics } from '../../../../src/telemetry/metrics.ts';
import type { TopologyCommand } from '../../../../src/topology/commands.ts';
import { manualClock } from '../../base/manual-clock.ts';
import { recordingLog } from '../../base/recording-log.ts';
import { delegatingConsensus } from '../../consensus/delegating-consensus.ts';
import { emptyCluster, nodeOf, register, sampleRegistration, setState } from '../../topology/sample-cluster.ts';
import { call, sampleConsensus } from './sample-coordinator.ts';

const closers: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** A coordinator over a store that outlives it; its detector's time stands still until it is advanced. */
function sampleNode(store = new MemoryTopologyStore()) {
  const clock = manualClock();
  const log = recordingLog();
  const consensus = new EmbeddedConsensus(
    { nodeId: 'coordinator-1', address: () => '127.0.0.1:7480', initialTopology: () => emptyCluster() },
    { store, log },
  );
  const timings = { heartbeatBatchMs: 1_000, detectorTickMs: 250, leaderGraceMs: 3_000, joiningTimeoutMs: 60_000 };
  const options = { nodeId: 'coordinator-1', ...timings };
  const node = new CoordinatorNode(options, { consensus, metrics: new Metrics(), clock, log });
  const run = async (ms: number) => {
    for (let passedMs = 0; passedMs < ms; passedMs += 250) {
      clock.advance(250);
      for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
    }
  };
  return { node, consensus, clock, log, run, store };
}

async function serve(node: CoordinatorNode) {
  const server = new GrpcServer({ host: '127.0.0.1', port: 0 });
  server.add(node.definition, node.service);
  await server.start();
  closers.push(() => server.stop(AbortSignal.abort()));
  const channels = new ChannelPool();
  closers.push(() => channels.close());
  const options = { endpoints: [server.address] };
  const client = new CoordinatorClient(options, { channels, clock: systemClock, random: systemRandom });
  /** One call without retries. */
  const once = () => {
    const raw = channels.client(CoordinatorServiceClient, server.address);
    const target = { endpoint: server.address, method: 'GetTopology', timeoutMs: 10_000, clock: systemClock };
    return callUnary(raw.getTopology.bind(raw), { minVersion: 0n, linearizable: false }, target);
  };
  return { server, client, once };
}

describe('CoordinatorNode', () => {
  it('answers NOT_READY before its start, and serves after it', async () => {
    const { node } = sampleNode();
    const { client, once } = await serve(node);
    await expect(once()).rejects.toMatchObject({ code: 'NOT_READY' });
    await node.start(call.signal);
    closers.push(() => node.stop());
    expect(await client.getTopology()).toEqual({ topology: undefined, version: 0n });
    expect((await client.registerNode(sampleRegistration())).alreadyRegistered).toBe(false);
  });

  it('finds a node that falls silent', async () => {
    const { node, consensus, run } = sampleNode();
    await node.start(call.signal);
    closers.push(() => node.stop());
    await consensus.propose(register());
    await consensus.propose(setState('object-1', 'ACTIVE'));
    await run(3_000);
    expect(nodeOf(consensus.current(), 'object-1').state).toBe('SUSPECT');
    await run(3_000);
    expect(nodeOf(consensus.current(), 'object-1').state).toBe('DOWN');
  });

  it('removes a node that does not become ready, counted from its registration', async () => {
    const { node, consensus, run } = sampleNode();
    await node.start(call.signal);
    closers.push(() => node.stop());
    await run(50_000);
    await consensus.propose(register());
    await run(59_750);
    expect(consensus.current().nodes.has('object-1')).toBe(true);
    await run(250);
    expect(consensus.current().nodes.has('object-1')).toBe(false);
  });

  it('takes the registration of a restarted process for a sign of life as soon as it is committed', async () => {
    const { node, consensus, run } = sampleNode();
    await node.start(call.signal);
    closers.push(() => node.stop());
    await run(20_000);
    await consensus.propose(register());
    await consensus.propose(setState('object-1', 'ACTIVE'));
    await run(1_000);
    await consensus.propose(register({ generationId: 2n }));
    expect(nodeOf(consensus.current(), 'object-1').state).toBe('SUSPECT');
    await run(250);
    expect(nodeOf(consensus.current(), 'object-1').state).toBe('SUSPECT');
  });

  it('marks nobody worse in the grace period after a restart, and everybody silent after it', async () => {
    const first = sampleNode();
    await first.node.start(call.signal);
    await first.consensus.propose(register());
    await first.consensus.propose(setState('object-1', 'ACTIVE'));
    await first.node.stop();
    const second = sampleNode(first.store);
    await second.node.start(call.signal);
    closers.push(() => second.node.stop());
    await second.run(2_750);
    expect(nodeOf(second.consensus.current(), 'object-1').state).toBe('ACTIVE');
    await second.run(250);
    expect(nodeOf(second.consensus.current(), 'object-1').state).toBe('SUSPECT');
    // Being suspected is no sign of life: DOWN counts from the begin of this leadership.
    await second.run(3_000);
    expect(nodeOf(second.consensus.current(), 'object-1').state).toBe('DOWN');
  });

  it('ends its watches when it stops, so that the listener can end without force', async () => {
    const { node } = sampleNode();
    const { server, client } = await serve(node);
    await node.start(call.signal);
    const events = client.watchTopology(0n, call.signal);
    expect((await events.next()).value).toMatchObject({ kind: 'full-sync' });
    const second = events.next();
    await node.stop();
    await expect(second).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
    await server.stop(call.signal);
  });

  it('leaves no timer behind', async () => {
    const { node, clock } = sampleNode();
    await node.start(call.signal);
    await node.stop();
    expect(clock.pendingTimers()).toBe(0);
  });

  it('leaves its heartbeats to the next leader of the store, flaps included', async () => {
    const first = sampleNode();
    await first.node.start(call.signal);
    await first.consensus.propose(register());
    await first.consensus.propose(setState('object-1', 'ACTIVE'));
    await first.run(4_000);
    expect(nodeOf(first.consensus.current(), 'object-1').state).toBe('SUSPECT');
    const { client: before } = await serve(first.node);
    const said = { reportedState: 'READY', stats: undefined } as const;
    await before.heartbeat({ nodeId: 'object-1', generationId: 1n, knownVersion: 0n, ...said });
    await first.run(1_000);
    await first.node.stop();
    const second = sampleNode(first.store);
    await second.node.start(call.signal);
    closers.push(() => second.node.stop());
    await second.run(250);
    const { client } = await serve(second.node);
    expect(await client.listHeartbeats()).toMatchObject([{ nodeId: 'object-1', flapCount: 1 }]);
  });
});

/** A coordinator whose driver tells of leadership, and knows a topology, only when the test says so. */
async function lateNode() {
  const { clock, log } = sampleNode();
  const inner = await sampleConsensus([register(), setState('object-1', 'ACTIVE')]);
  let tell: (leadership: Leadership) => void = () => undefined;
  let isReady = false;
  let leadership: Leadership = { leaderId: undefined, leaderAddress: undefined, term: 0n, isLeader: false };
  const proposed: TopologyCommand[] = [];
  const consensus = delegatingConsensus(inner, {
    start: async () => undefined,
    stop: async () => undefined,
    current: () => {
      if (!isReady) throw new StratumError('NOT_READY', 'not yet', { what: 'the store' });
      return inner.current();
    },
    leadership: () => leadership,
    propose: async (command) => {
      proposed.push(command);
      return await inner.propose(command);
    },
    onLeadership: (listener) => {
      tell = listener;
      return () => undefined;
    },
  });
  const timings = { heartbeatBatchMs: 1_000, detectorTickMs: 250, leaderGraceMs: 3_000, joiningTimeoutMs: 60_000 };
  const node = new CoordinatorNode(
    { nodeId: 'coordinator-1', ...timings },
    { consensus, metrics: new Metrics(), clock, log },
  );
  const learn = () => {
    isReady = true;
  };
  const becomes = (leaderId: string | undefined, term: bigint) => {
    leadership = { leaderId, leaderAddress: undefined, term, isLeader: leaderId === 'coordinator-1' };
    tell(leadership);
  };
  const run = async (ms: number) => {
    for (let passedMs = 0; passedMs < ms; passedMs += 250) {
      clock.advance(250);
      for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
    }
  };
  return { node, clock, proposed, learn, becomes, run };
}

describe('CoordinatorNode with a driver that takes its time', () => {
  it('starts without a topology and answers NOT_READY until there is one', async () => {
    const { node, learn } = await lateNode();
    const { once, client } = await serve(node);
    await node.start(call.signal);
    closers.push(() => node.stop());
    await expect(once()).rejects.toMatchObject({ code: 'NOT_READY' });
    learn();
    expect((await client.getTopology()).version).toBe(2n);
  });

  it('watches over nodes only while it leads, however often that begins and ends', async () => {
    const { node, clock, proposed, learn, becomes, run } = await lateNode();
    await node.start(call.signal);
    closers.push(() => node.stop());
    await run(60_000);
    learn();
    for (const term of [3n, 5n, 6n]) {
      becomes('coordinator-1', term);
      await run(2_000);
      if (term !== 5n) becomes(undefined, term);
      if (term !== 5n) expect(clock.pendingTimers()).toBe(0);
      if (term !== 5n) await run(60_000);
    }
    // Each leadership began with a grace period that it did not outlive.
    expect(proposed).toEqual([]);
    becomes('coordinator-1', 9n);
    await run(3_000);
    expect(proposed).toMatchObject([{ kind: 'set-node-state', state: 'SUSPECT' }]);
    becomes('coordinator-2', 10n);
    expect(clock.pendingTimers()).toBe(0);
  });

  it('does not begin to lead once it is being stopped', async () => {
    const { node, clock, learn, becomes } = await lateNode();
    await node.start(call.signal);
    learn();
    await node.stop();
    becomes('coordinator-1', 4n);
    expect(clock.pendingTimers()).toBe(0);
  });
});
