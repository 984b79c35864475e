import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { differences, marks } from './cluster-history.ts';
import { CoordinatorCluster, timings } from './coordinator-cluster.ts';
import { GitTraffic } from './git-traffic.ts';
import { until } from './until.ts';
import { WatchClient } from './watch-client.ts';

/** A node writes its topology to its cache a second after a change: by then it holds the last one. */
const settledMs = 3_000;

/** Pushes a minute: without enough of them it proves nothing, however slow the machine is. */
const pushesMin = 24;

/** When they are back: long enough for a detector that would judge by the time before. */
const judgedMs = timings.leaderGraceMs + timings.downTimeoutMs;

const cases = [
  {
    title: 'have been killed',
    // Not the coordinators: etcd asks its peers in turn when it starts, and the last one may be back long after the first.
    living: 'omf',
    // Three times what makes a silent node DOWN; the other case takes what its own way of being away needs.
    awayMs: 3 * timings.downTimeoutMs,
    begin: async (cluster: CoordinatorCluster) => {
      await Promise.all(cluster.coordinatorIds.map((id) => cluster.coordinator(id).process.kill()));
    },
    end: (cluster: CoordinatorCluster) => {
      for (const id of cluster.coordinatorIds) cluster.coordinator(id).process.start();
    },
  },
  {
    title: 'stand still',
    living: 'comf',
    awayMs: 20_000,
    begin: async (cluster: CoordinatorCluster) => {
      for (const id of cluster.coordinatorIds) cluster.coordinator(id).process.signal('SIGSTOP', 'tree');
    },
    end: (cluster: CoordinatorCluster) => {
      for (const id of cluster.coordinatorIds) cluster.coordinator(id).process.signal('SIGCONT', 'tree');
    },
  },
];

describe('while all coordinators', () => {
  let cluster: CoordinatorCluster;
  let traffic: GitTraffic;
  let watcher: WatchClient;
  let checkedVersion = 0n;
  const measured: string[] = [];

  beforeAll(async () => {
    cluster = await CoordinatorCluster.start({ metadata: 3, frontends: 2 });
    watcher = new WatchClient(cluster.client());
    await watcher.start();
    checkedVersion = watcher.startVersion;
    traffic = await GitTraffic.start(cluster.folder, `${cluster.gitUrl('f1')}/team/app`);
  });
  beforeEach(({ onTestFailed }) => onTestFailed(() => console.error(cluster.logTails)));
  afterAll(async () => {
    console.log(`coordinators away: ${measured.join('; ')}`);
    await traffic?.stop();
    await watcher?.stop();
    await cluster?.remove();
  });

  it.for(cases)(
    '$title, a frontend starts, pushes and clones go on, and nobody alive is marked DOWN',
    async (fault) => {
      const beganMs = performance.now();
      await fault.begin(cluster);
      const frontend = cluster.node('f2');
      await sleep(settledMs);
      await frontend.kill();
      frontend.start();
      await until('a frontend without coordinators serves', 20_000, async (tell) => {
        const answer = await fetch(`${cluster.gitUrl('f2')}/healthz`).catch(() => undefined);
        tell(`${answer?.status ?? 'no answer'}\n${frontend.log}`);
        return answer?.status === 200 ? true : undefined;
      });
      expect(frontend.log).toContain('starts from the cached topology');
      await traffic.roundThrough(`${cluster.gitUrl('f2')}/team/app`, `through-f2-${fault.title.replaceAll(' ', '-')}`);
      const before = traffic.pushed.length;
      await sleep(fault.awayMs - (performance.now() - beganMs));
      expect(traffic.faults).toEqual([]);
      expect(traffic.pushed.length - before, 'pushes during the outage').toBeGreaterThanOrEqual(
        (pushesMin * fault.awayMs) / 120_000,
      );
      const { version } = watcher;
      expect(watcher.topology?.version).toBe(version);

      const backMs = performance.now();
      fault.end(cluster);
      const healthyMs = await cluster.healthy();
      await sleep(Math.max(0, judgedMs - (performance.now() - backMs)));
      await cluster.healthy(5_000);
      const now = await cluster.client().getTopology({ linearizable: true });
      expect(now.version).toBeGreaterThanOrEqual(version);
      await watcher.waitFor(now.version, 10_000);
      expect(watcher.faults).toEqual([]);
      const updates = [...watcher.updates.values()].filter((update) => update.version > checkedVersion);
      expect(marks(updates, 'DOWN', fault.living)).toEqual([]);
      if (now.version > checkedVersion) expect(await differences(cluster, checkedVersion, watcher.updates)).toEqual([]);
      checkedVersion = now.version;
      expect(traffic.faults).toEqual([]);
      measured.push(`when they ${fault.title}: healthy ${healthyMs} ms after they were back`);
    },
  );

  it('has ended, every push is there', async () => {
    await traffic.stop();
    expect(traffic.faults).toEqual([]);
    expect(traffic.isEnough, traffic.summary).toBe(true);
    measured.push(traffic.summary);
    await traffic.verify(`${cluster.gitUrl('f1')}/team/app`);
  });
});
