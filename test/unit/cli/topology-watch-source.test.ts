import { describe, expect, it } from 'vitest';
import { StratumError } from '../../../src/base/errors.ts';
import type { FollowEvent } from '../../../src/cli/follow-topology.ts';
import { TopologyWatchSource } from '../../../src/cli/topology-watch-source.ts';
import type { TopologyUpdate } from '../../../src/topology/topology.ts';
import type { WatchSource } from '../../../src/tui/watch-snapshot.ts';
import { manualClock } from '../base/manual-clock.ts';
import { FakeCluster, sampleHeartbeat, sampleReport } from './fake-cluster.ts';
import { sampleTopology } from './sample-topology.ts';

const heartbeat = sampleHeartbeat('object-1');

const update = (version: bigint): { kind: 'update'; update: TopologyUpdate } => ({
  kind: 'update',
  update: {
    version,
    previousVersion: version - 1n,
    term: 3n,
    atMs: 1_000,
    reason: `change ${version}`,
    nodesChanged: [],
    nodesRemoved: ['frontend-1'],
    partitionsChanged: [],
  },
});

async function* events(...all: FollowEvent[]) {
  yield* all;
}

const sync: FollowEvent = { kind: 'full-sync', topology: sampleTopology() };

describe('the source of the live view', () => {
  it('gathers topology, leader, heartbeats and changes', async () => {
    const cluster = new FakeCluster();
    cluster.heartbeatReports = [heartbeat];
    const source = new TopologyWatchSource({ clusterName: 'ci' }, { cluster, clock: manualClock() });
    // What the screen takes is what this gives.
    const view: WatchSource = source;
    expect(view.current()).toBeUndefined();
    await source.follow(events(sync, update(15n), update(15n), update(16n)));
    await source.poll();
    const frame = view.current();
    expect(frame).toMatchObject({ clusterName: 'ci', leaderId: 'coordinator-1', disconnectedMs: 0 });
    expect(frame?.topology.version).toBe(16n);
    expect(frame?.topology.nodes.has('frontend-1')).toBe(false);
    expect(frame?.heartbeats.get('object-1')).toMatchObject({ ageMs: 500 });
    expect(frame?.changes.map(({ text }) => text)).toEqual(['change 16', 'change 15']);
  });

  it('tells its subscribers until they leave', async () => {
    const cluster = new FakeCluster();
    const source = new TopologyWatchSource({ clusterName: 'ci' }, { cluster, clock: manualClock() });
    const seen: bigint[] = [];
    const leave = source.subscribe(({ topology }) => seen.push(topology.version));
    await source.follow(events(sync, update(15n)));
    leave();
    await source.follow(events(update(16n)));
    expect(seen).toEqual([14n, 15n]);
  });

  it('counts the time since the connection was lost, and shows no ages that nobody renews', async () => {
    const cluster = new FakeCluster();
    cluster.heartbeatReports = [heartbeat];
    const clock = manualClock();
    const source = new TopologyWatchSource({ clusterName: 'ci' }, { cluster, clock });
    const error = new StratumError('UNREACHABLE', 'gone', { endpoint: 'c:1' });
    await source.follow(events(sync, { kind: 'lost', error }));
    clock.advance(2_000);
    expect(source.current()).toMatchObject({ disconnectedMs: 2_000 });
    cluster.error = error;
    await source.poll();
    expect(source.current()?.heartbeats.size).toBe(0);
    cluster.error = undefined;
    await source.follow(events({ kind: 'keepalive', version: 14n }));
    expect(source.current()).toMatchObject({ disconnectedMs: 0 });
    expect(source.current()?.heartbeats.size).toBe(1);
  });

  it('asks the coordinators with the topology that it has, and never twice at once', async () => {
    const cluster = new FakeCluster();
    const clock = manualClock();
    const { promise: answered, resolve: answer } = Promise.withResolvers<void>();
    const known: (bigint | undefined)[] = [];
    cluster.consensusStatuses = async (topology) => {
      known.push(topology?.version);
      await answered;
      return { reports: [sampleReport(1)], silent: [], topology };
    };
    const source = new TopologyWatchSource({ clusterName: 'ci' }, { cluster, clock });
    async function* slowEvents() {
      yield sync;
      clock.advance(5_000);
      expect(known).toEqual([undefined]);
      answer();
      await source.poll();
      clock.advance(1_000);
    }
    await source.follow(slowEvents());
    expect(known).toEqual([undefined, 14n]);
    expect(source.current()?.survey?.reports).toMatchObject([{ nodeId: 'coordinator-1' }]);
  });

  it('keeps the leader in view while the coordinators hang, and says when there is none', async () => {
    const cluster = new FakeCluster();
    const source = new TopologyWatchSource({ clusterName: 'ci' }, { cluster, clock: manualClock() });
    await source.follow(events(sync));
    await source.poll();
    cluster.heartbeats = () => Promise.reject(new StratumError('NO_LEADER', 'none', { what: 'the coordinators' }));
    await source.poll();
    expect(source.current()).toMatchObject({ leaderId: undefined, leaderTerm: 3n });
    expect(source.current()?.heartbeats.size).toBe(0);
  });

  it('polls while it follows, and not after', async () => {
    const cluster = new FakeCluster();
    const clock = manualClock();
    const source = new TopologyWatchSource({ clusterName: 'ci' }, { cluster, clock });
    await source.follow(events(sync));
    expect(clock.pendingTimers()).toBe(0);
  });
});
