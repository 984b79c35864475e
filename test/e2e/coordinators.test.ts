import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { broken, differences, marks } from './cluster-history.ts';
import { CoordinatorCluster, timings } from './coordinator-cluster.ts';
import { GitTraffic } from './git-traffic.ts';
import { countChanges, Registrations, registerOnceAt } from './registrations.ts';
import type { CutDirection } from './tcp-proxy.ts';
import { until } from './until.ts';
import { WatchClient } from './watch-client.ts';

/** The requirement's bound, from the fault to the first word of another leader. */
const newLeaderMs = 10_000;

/** Longer than the lease, from the fault to its end. */
const faultMs = timings.leaderLeaseMs + 1_500;

/** The requirement's bound, from the end of the fault to `cluster health` with exit code 0. */
const healedMs = 30_000;

/** Writes that are under way at the leader when it stops. */
const burst = 20;

/** Versions of the new leader while the fault lasts. */
const progress = 5n;

interface Fault {
  readonly title: string;
  /** What becomes of writes that reach the old leader alone, before and during the fault. */
  readonly isReachableDirectly: boolean;
  begin(cluster: CoordinatorCluster, id: string): Promise<void> | void;
  end(cluster: CoordinatorCluster, id: string): void;
}

const cut = (title: string, direction: CutDirection): Fault => ({
  title,
  isReachableDirectly: true,
  begin: ({ network }, id) => network.cut(id, direction),
  end: ({ network }, id) => {
    const others = ['c1', 'c2', 'c3'].filter((each) => each !== id);
    const lost = {
      sent: others.reduce((sum, other) => sum + network.lostBytes(id, other), 0),
      received: others.reduce((sum, other) => sum + network.lostBytes(other, id), 0),
    };
    // Else the proxy would not have known whose the connections were.
    expect(lost.sent > 0, `${lost.sent} bytes of ${id} were lost`).toBe(direction !== 'received');
    expect(lost.received > 0, `${lost.received} bytes for ${id} were lost`).toBe(direction !== 'sent');
    network.heal();
  },
});

const stop = (title: string, scope: 'process' | 'tree'): Fault => ({
  title,
  isReachableDirectly: true,
  begin: (cluster, id) => cluster.coordinator(id).process.signal('SIGSTOP', scope),
  end: (cluster, id) => cluster.coordinator(id).process.signal('SIGCONT', scope),
});

const faults: readonly Fault[] = [
  {
    title: 'is killed',
    isReachableDirectly: false,
    begin: async (cluster, id) => {
      const { process } = cluster.coordinator(id);
      expect(process.etcdPids).toHaveLength(1);
      await process.kill(); // Resolves when its etcd has ended too.
    },
    end: (cluster, id) => cluster.coordinator(id).process.start(),
  },
  stop('stands still, and its etcd member runs', 'process'),
  stop('stands still with its etcd member', 'tree'),
  cut('is cut off both ways', 'both'),
  cut('is heard by nobody, and hears all', 'sent'),
  cut('hears nothing, and is heard by all', 'received'),
];

describe('three coordinators with an etcd member each', () => {
  let cluster: CoordinatorCluster;
  let traffic: GitTraffic;
  let watcher: WatchClient;
  let load: Registrations;
  let checkedVersion = 0n;
  const measured: string[] = [];

  beforeAll(async () => {
    cluster = await CoordinatorCluster.start({ metadata: 3, frontends: 1 });
    watcher = new WatchClient(cluster.client());
    await watcher.start();
    checkedVersion = watcher.startVersion;
    load = new Registrations({ prefix: 'imagined' }, { client: cluster.client() });
    load.start();
    traffic = await GitTraffic.start(cluster.folder, `${cluster.gitUrl('f1')}/team/app`);
  });
  beforeEach(({ onTestFailed }) => onTestFailed(() => console.error(cluster.logTails)));
  afterEach(() => {
    cluster.network.heal();
    for (const id of cluster.coordinatorIds) {
      const { process } = cluster.coordinator(id);
      if (process.isRunning) process.signal('SIGCONT', 'tree');
      else process.start();
    }
  });
  afterAll(async () => {
    console.log(`coordinators: ${measured.join('; ')}`);
    await traffic?.stop();
    await load?.stop();
    await watcher?.stop();
    await cluster?.remove();
  });

  /** Everything that must hold after a fault, whatever it was. */
  const expectWhole = async () => {
    await load.pause();
    const healthyMs = await cluster.healthy();
    const { version } = await cluster.client().getTopology({ linearizable: true });
    await watcher.waitFor(version, 10_000);
    expect(watcher.faults).toEqual([]);
    expect(await differences(cluster, checkedVersion, watcher.updates)).toEqual([]);
    checkedVersion = version;
    expect(broken(watcher.updates.values(), load)).toEqual([]);
    // No fault of a coordinator is one of another node.
    expect(marks(watcher.updates.values(), 'DOWN', 'omf')).toEqual([]);
    expect(traffic.faults).toEqual([]);
    load.resume();
    return healthyMs;
  };

  /** What came of writes at the old leader alone: the definite answers must be true. */
  const expectTrue = (outcomes: ReadonlyMap<string, string>) => {
    const { registered } = countChanges(watcher.updates.values());
    for (const [id, outcome] of outcomes) {
      const times = registered.get(id) ?? 0;
      if (outcome === 'done') expect(times, `${id} was acknowledged`).toBe(1);
      else expect(times, `${id} ended with ${outcome}`).toBeLessThanOrEqual(1);
    }
  };

  it.for(faults)('have another leader within 10 s when the leader $title', async (fault, { onTestFinished }) => {
    const { leaderId: old, term } = await cluster.leader(cluster.coordinatorIds, newLeaderMs);
    const remaining = cluster.coordinatorIds.filter((id) => id !== old);
    // One watcher has its stream from the leader that is hit, wherever the other one's is.
    const { address } = cluster.coordinator(old);
    const hit = new WatchClient(cluster.client([address, ...cluster.addresses.filter((each) => each !== address)]));
    await hit.start();
    onTestFinished(() => hit.stop());

    const name = `${fault.title.replaceAll(/[^a-z]+/g, '-')}-${term}`;
    const direct = (id: string) => registerOnceAt(cluster.directAddress(old), id, cluster.channels);
    const ids = Array.from({ length: fault.isReachableDirectly ? burst : 0 }, (_, index) => `burst-${name}-${index}`);
    const underWay = ids.map(direct);
    if (underWay.length > 0) await Promise.any(underWay);

    const beganMs = performance.now();
    await fault.begin(cluster, old);
    const next = await cluster.leader(remaining, newLeaderMs, ({ leaderId }) => leaderId !== old);
    const electedMs = Math.round(performance.now() - beganMs);
    expect(next.term).toBeGreaterThan(term);
    expect(electedMs).toBeLessThan(newLeaderMs);

    const lateId = `late-${name}`;
    const late = fault.isReachableDirectly ? direct(lateId) : undefined;
    const wanted = watcher.version + progress;
    await Promise.all([watcher.waitFor(wanted, 15_000), hit.waitFor(wanted, 15_000)]);
    await sleep(Math.max(0, faultMs - (performance.now() - beganMs)));
    fault.end(cluster, old);
    const endedMs = performance.now();

    if (late !== undefined) expect(await late).toMatch(/^(NOT_LEADER|NO_LEADER|NO_QUORUM)$/);
    const outcomes = await Promise.all(underWay);
    const owner = cluster.client();
    for (const id of [...ids, lateId]) await owner.deregisterNode(id, 1n, { timeoutMs: 20_000 });
    await cluster.leader([old], 20_000, (answer) => answer.term >= next.term);
    expect(cluster.coordinator(old).process.etcdPids).toHaveLength(1);
    const afterMs = Math.round(performance.now() - endedMs);
    const healthyMs = await expectWhole();
    expect(afterMs + healthyMs).toBeLessThan(healedMs);
    await hit.waitFor(checkedVersion, 10_000);
    expect(hit.faults).toEqual([]);
    expect(hit.ends.length, 'how often its stream ended').toBeGreaterThan(0);
    for (const [version, update] of hit.updates) expect(update).toEqual(watcher.updates.get(version));
    expectTrue(new Map(ids.map((id, index) => [id, outcomes[index] ?? ''])));
    expect(countChanges(watcher.updates.values()).registered.get(lateId) ?? 0, 'the late write').toBe(0);
    const kinds = [...new Set(outcomes)].join(', ') || 'none';
    measured.push(`leader ${fault.title}: next after ${electedMs} ms, healthy ${afterMs + healthyMs} ms after its end`);
    measured.push(`writes under way ended with ${kinds}, the late one with ${(await late) ?? 'none'}`);
  });

  it('let a lost member be replaced, and keep out one that comes back empty', async () => {
    await load.pause();
    const { generationId } = watcher.topology?.nodes.get('c3') ?? { generationId: 0n };
    await cluster.coordinator('c3').process.kill();
    const lost = cluster.forgetCoordinator('c3');
    await lost.wipe();
    await cluster.leader(cluster.coordinatorIds, newLeaderMs, ({ leaderId }) => leaderId !== 'c3');
    const removed = await cluster.command('cluster', 'member', 'remove', 'c3', '--yes', '--reason', 'its disk is gone');
    expect(removed.code, removed.stderr).toBe(0);
    await cluster.client().deregisterNode('c3', generationId);
    const peerAddress = await cluster.prepareCoordinator('c4');
    const added = await cluster.command('cluster', 'member', 'add', `c4=${peerAddress}`, '--yes');
    expect(added.code, added.stderr).toBe(0);
    expect(added.stderr).toContain('stratum node start --role coordinator --id c4');
    cluster.coordinator('c4').process.start();
    await until('three members that can be reached', 30_000, async (tell) => {
      const { stdout, stderr } = await cluster.command('cluster', 'member', 'list', '-o', 'json');
      tell(stdout + stderr);
      const { items = [] } = JSON.parse(stdout || '{}') as { items?: { id: string; reachable: boolean }[] };
      const ids = items.filter(({ reachable }) => reachable).map(({ id }) => id);
      return ids.toSorted().join() === 'c1,c2,c4' ? true : undefined;
    });

    lost.start();
    expect(await lost.ended(20_000)).not.toBe(0);
    expect(lost.log).toContain('cluster member add c3=');
    await expectWhole();
  });

  it('have lost no push and shown no unfinished one', async () => {
    await traffic.stop();
    expect(traffic.faults).toEqual([]);
    expect(traffic.isEnough, traffic.summary).toBe(true);
    measured.push(traffic.summary);
    await traffic.verify(`${cluster.gitUrl('f1')}/team/app`);
    expect(watcher.faults).toEqual([]);
    measured.push(`${watcher.updates.size} versions, each told once`);
  });
});
