import { describe, expect, it } from 'vitest';
import { Scenario } from './scenario.ts';
import { watchHost } from './sim-leader.ts';

/** Each scenario in several worlds: what overtakes what is drawn anew. */
const seeds = [1, 2, 3, 4];

/** Longer than any lease and any wait for its end. */
const longMs = 3_000;

/** Lets the second replica fall out, and comes to the moment at which the primary has just asked for its return. */
async function additionAsked(seed: number): Promise<Scenario> {
  const scenario = await Scenario.serving(seed);
  const { cluster, primary } = scenario;
  const [, away] = scenario.others;
  await scenario.push();
  await scenario.fallOut(away);
  await scenario.push();
  // What the primary asks for is under way until it is released.
  cluster.startNode(away);
  await scenario.until('its new process is ready', () => scenario.isReady(away));
  cluster.network.hold(primary.name, 'coordinator');
  await scenario.pass(600);
  expect(scenario.inSync).not.toContain(away.name);
  return scenario;
}

const scenarios: readonly [string, (seed: number) => Promise<Scenario>][] = [
  [
    'two failovers in a row, in which replicas do not know how far was committed (KIP-101, KIP-279)',
    async (seed) => {
      const scenario = await Scenario.serving(seed);
      const { cluster } = scenario;
      scenario.keepPushing(8_000);
      await scenario.pass(500);
      const first = scenario.primary;
      cluster.crashNode(first);
      await scenario.until('another primary', () => scenario.primary !== first);
      const second = scenario.primary;
      await scenario.pass(seed * 150);
      cluster.crashNode(second);
      cluster.startNode(first);
      await scenario.until('a third primary', () => scenario.primary !== second);
      cluster.startNode(second);
      await scenario.pass(longMs);
      expect(cluster.failovers).toBeGreaterThanOrEqual(3);
      return scenario;
    },
  ],
  [
    'a replica that is still in an older epoch does not move the committed end (KIP-320)',
    async (seed) => {
      const scenario = await Scenario.serving(seed);
      const { cluster, primary } = scenario;
      const [one, other] = scenario.others;
      await scenario.push();
      // One replica hears of no new epoch; what the primary sends it comes late.
      cluster.network.cut(watchHost, one.name);
      cluster.network.hold(primary.name, one.name);
      scenario.keepPushing(6_000);
      await scenario.pass(300);
      primary.process?.pause();
      cluster.network.cut(primary.name, other.name);
      await scenario.until('another primary', () => scenario.primary !== primary);
      primary.process?.resume();
      cluster.network.release(primary.name, one.name);
      await scenario.pass(longMs);
      return scenario;
    },
  ],
  [
    'a replica counts from the moment at which its addition is asked for, not from the answer on (Kafka AlterISR)',
    async (seed) => {
      const scenario = await Scenario.serving(seed);
      const { cluster, primary } = scenario;
      const [kept, away] = scenario.others;
      await scenario.push();
      await scenario.fallOut(away);
      // The primary hears nothing from the coordinator: neither its answers nor the topology.
      cluster.startNode(away);
      await scenario.until('the primary knows its new process', () => {
        const known = primary.node?.topology?.nodes.get(away.name);
        return known?.generationId === away.generation && known.state === 'ACTIVE';
      });
      cluster.network.cut(watchHost, primary.name);
      cluster.network.hold('coordinator', primary.name);
      expect(scenario.inSync).not.toContain(away.name);
      await scenario.until('it is added', () => scenario.inSync.includes(away.name));
      // From now on nothing may be acknowledged without it.
      scenario.cutBoth(primary.name, away.name);
      const before = cluster.acknowledged.length;
      scenario.keepPushing(4_000);
      await scenario.pass(700);
      expect(cluster.acknowledged.length).toBeLessThanOrEqual(before + 3);
      await scenario.move(away);
      cluster.crashNode(kept);
      await scenario.pass(longMs);
      return scenario;
    },
  ],
  [
    'a delayed addition to the in-sync set lands after the replica came back with an empty disk (KIP-903)',
    async (seed) => {
      const scenario = await additionAsked(seed);
      const { cluster, primary } = scenario;
      const [, away] = scenario.others;
      cluster.crashNode(away);
      cluster.wipe(away);
      cluster.startNode(away);
      await scenario.until('it is registered', () => cluster.topology.nodes.get(away.name)?.diskId === away.disk.id);
      cluster.network.release(primary.name, 'coordinator');
      scenario.keepPushing(4_000);
      await scenario.pass(longMs);
      return scenario;
    },
  ],
  [
    'a replica is caught up in one incarnation and answers in another one (KAFKA-15221)',
    async (seed) => {
      const scenario = await Scenario.serving(seed, { logEntries: 5 });
      const { cluster, primary } = scenario;
      const [, away] = scenario.others;
      scenario.keepPushing(9_000);
      await scenario.pass(400);
      // What the old process has acknowledged arrives after the first words of the new one.
      cluster.network.hold(away.name, primary.name);
      await scenario.pass(300);
      cluster.crashNode(away);
      await scenario.until('it is out', () => !scenario.inSync.includes(away.name));
      cluster.wipe(away);
      cluster.startNode(away);
      await scenario.until('it is registered', () => cluster.topology.nodes.get(away.name)?.diskId === away.disk.id);
      cluster.network.release(away.name, primary.name);
      await scenario.pass(longMs);
      return scenario;
    },
  ],
  [
    'a change in flight is forgotten when the primary starts anew (KAFKA-12686)',
    async (seed) => {
      const scenario = await additionAsked(seed);
      const { cluster, primary, epoch } = scenario;
      const [, away] = scenario.others;
      cluster.crashNode(away);
      cluster.crashNode(primary);
      cluster.startNode(primary);
      cluster.network.release(primary.name, 'coordinator');
      await scenario.until('the epoch has been raised', () => scenario.epoch > epoch);
      scenario.keepPushing(4_000);
      await scenario.pass(longMs);
      return scenario;
    },
  ],
  [
    'the last replica standing loses what it had not synced (KIP-966)',
    async (seed) => {
      const scenario = await Scenario.serving(seed);
      const { cluster, primary } = scenario;
      const [one, other] = scenario.others;
      for (const { disk } of cluster.hosts) disk.speed = { syncMs: 60, slowRate: 0.3, slowMs: 400 };
      scenario.keepPushing(6_000);
      await scenario.pass(800);
      cluster.crashNode(one);
      await scenario.pass(200);
      cluster.crashNode(other);
      await scenario.pass(seed * 40);
      cluster.crashNode(primary);
      cluster.startNode(primary);
      await scenario.pass(1_500);
      expect(scenario.readAt(primary)).toBeUndefined();
      cluster.startNode(other);
      cluster.startNode(one);
      await scenario.pass(longMs);
      return scenario;
    },
  ],
  [
    'a stale former primary does not promote itself, and the coordinator keeps the in-sync set (Elasticsearch 14671, 20031)',
    async (seed) => {
      const scenario = await Scenario.serving(seed);
      const { cluster, primary } = scenario;
      await scenario.push();
      const others = scenario.others;
      cluster.network.cut(watchHost, primary.name);
      for (const { name } of others) scenario.cutBoth(primary.name, name);
      await scenario.until('another primary', () => scenario.primary !== primary);
      const { inSync } = scenario;
      await scenario.push();
      cluster.crashLeader();
      cluster.startLeader();
      expect(scenario.inSync).toEqual(inSync);
      expect(scenario.readAt(primary)).toBeUndefined();
      cluster.crashNode(primary);
      cluster.startNode(primary);
      await scenario.pass(longMs);
      expect(scenario.readAt(primary)).toBeUndefined();
      return scenario;
    },
  ],
  [
    'a paused primary refuses to read after its lease',
    async (seed) => {
      const scenario = await Scenario.serving(seed);
      const { cluster, primary } = scenario;
      await scenario.push();
      expect(scenario.readAt(primary)).toBeDefined();
      cluster.network.cut(watchHost, primary.name);
      primary.process?.pause();
      await scenario.until('another primary', () => scenario.primary !== primary);
      await scenario.push();
      // At the moment at which it goes on, before it has heard anything.
      primary.process?.resume();
      expect(scenario.readAt(primary)).toBeUndefined();
      scenario.keepPushing(2_000);
      await scenario.pass(longMs);
      expect(scenario.readAt(primary)).toBeUndefined();
      return scenario;
    },
  ],
  [
    'a new primary serves nothing while the lease of the one before may hold',
    async (seed) => {
      const scenario = await Scenario.serving(seed);
      const { cluster, primary } = scenario;
      await scenario.push();
      // The former primary hears of nothing, and keeps its lease with the replicas' last words.
      cluster.network.cut(watchHost, primary.name);
      await scenario.move(scenario.others[0]);
      for (let step = 0; step < 300; step += 1) {
        const serving = cluster.hosts.filter((host) => scenario.readAt(host) !== undefined);
        expect(serving.length).toBeLessThanOrEqual(1);
        await scenario.pass(10);
      }
      return scenario;
    },
  ],
  [
    'a read that is tried again does not get the answer of the first try (etcd 20418)',
    async (seed) => {
      const scenario = await Scenario.serving(seed);
      const { cluster, primary, pusher, repo } = scenario;
      await scenario.push();
      const reader = cluster.newPusher('reader');
      cluster.network.hold(primary.name, 'reader');
      const reading = reader.read(repo, Number.POSITIVE_INFINITY);
      await scenario.pass(100);
      await scenario.done(pusher.push(repo, Number.POSITIVE_INFINITY));
      cluster.crashNode(primary);
      await scenario.until('another primary', () => scenario.primary !== primary);
      cluster.network.release(primary.name, 'reader');
      expect(await scenario.done(reading)).toBe(true);
      return scenario;
    },
  ],
  [
    'all leases end at once, and no storm of failovers follows (etcd 15247)',
    async (seed) => {
      const scenario = await Scenario.serving(seed, { partitions: 6 });
      const { cluster } = scenario;
      const before = cluster.failovers;
      const led = Math.max(
        ...cluster.hosts.map(
          ({ name }) => cluster.topology.partitions.filter(({ primaryId }) => primaryId === name).length,
        ),
      );
      for (const { name } of cluster.hosts) {
        for (const other of cluster.hosts) if (other.name !== name) cluster.network.cut(name, other.name);
      }
      await scenario.pass(1_900);
      cluster.network.mendAll();
      await scenario.pass(longMs);
      // One node of three may be deposed on reports within ten leases.
      expect(cluster.failovers - before).toBeLessThanOrEqual(led);
      return scenario;
    },
  ],
];

describe('the metadata cluster in simulation keeps sound when', () => {
  it.each(scenarios)('%s', { timeout: 120_000 }, async (_, play) => {
    for (const seed of seeds) {
      const scenario = await play(seed);
      await scenario.finish();
    }
  });
});
