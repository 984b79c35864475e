import type { NodeRole } from '../../src/topology/topology.ts';
import { SimCluster } from './sim-cluster.ts';
import { storeHost } from './sim-coordination-store.ts';
import { fairWeather } from './sim-network.ts';
import { type SimRandom, simRandom } from './sim-random.ts';
import type { SimStoreFaults } from './sim-store-server.ts';
import { SimWorld } from './sim-world.ts';

/** How long a cluster may take to settle when nothing is broken any more: some leases, some back-off. */
const settleMaxMs = 30_000;

/** What one schedule came to. */
export interface ScheduleOutcome {
  readonly seed: number;
  readonly events: number;
  readonly versions: number;
  readonly terms: number;
  readonly virtualMs: number;
  /** Why it failed; undefined when all invariants held and the cluster settled. */
  readonly failure: Error | undefined;
}

/** Something that goes wrong, or that somebody does. */
type Fault = (cluster: SimCluster, world: SimWorld) => void;

const role = (random: SimRandom): NodeRole => random.pick(['frontend', 'metadata', 'object']);

/** A way from one host to another, or both ways, for a time. */
const cut = (cluster: SimCluster, world: SimWorld, one: string, other: string) => {
  const { random } = world;
  const ways = random.pick([
    [[one, other]],
    [[other, one]],
    [
      [one, other],
      [other, one],
    ],
  ] as const);
  const forMs = random.between(200, 5_000);
  world.note(() => `cut for ${forMs.toFixed(0)} ms: ${ways.map((way) => way.join(' to ')).join(', ')}`);
  for (const [from, to] of ways) cluster.network.cut(from, to);
  world.schedule(forMs, () => {
    for (const [from, to] of ways) cluster.network.mend(from, to);
  });
};

/** Every kind of fault, by a name for the trace. */
const faultsByName: Readonly<Record<string, Fault>> = {
  'a coordinator stands still': ({ coordinators }, world) => {
    const coordinator = world.random.pick(coordinators);
    coordinator.pause();
    world.schedule(world.random.between(100, 5_000), () => coordinator.resume());
  },
  'a coordinator crashes': ({ coordinators }, world) => {
    const coordinator = world.random.pick(coordinators);
    coordinator.crash();
    world.schedule(world.random.between(50, 4_000), () => coordinator.start());
  },
  'a coordinator is stopped': ({ coordinators }, world) => {
    const coordinator = world.random.pick(coordinators);
    coordinator.stop();
    world.schedule(world.random.between(1_000, 5_000), () => coordinator.start());
  },
  'a coordinator loses the store': (cluster, world) => {
    cut(cluster, world, world.random.pick(cluster.coordinators).name, storeHost);
  },
  'the network holds back what a coordinator sends to the store': ({ coordinators, network }, world) => {
    const { name } = world.random.pick(coordinators);
    network.hold(name, storeHost);
    world.schedule(world.random.between(200, 5_000), () => network.release(name, storeHost));
  },
  'a coordinator loses everybody': (cluster, world) => {
    const { name } = world.random.pick(cluster.coordinators);
    for (const host of [storeHost, ...cluster.nodes.map(({ id }) => id)]) cut(cluster, world, name, host);
  },
  'a node loses a coordinator': (cluster, world) => {
    const { nodes, coordinators } = cluster;
    if (nodes.length > 0) cut(cluster, world, world.random.pick(nodes).id, world.random.pick(coordinators).name);
  },
  'the weather changes': ({ network }, { random }) => {
    network.weather = {
      lossRate: random.pick([0, 0.01, 0.1]),
      slowRate: random.pick([0, 0.05, 0.3]),
      fastMs: random.pick([2, 20]),
      slowMs: random.pick([100, 900, 6_000]),
    };
  },
  'the store elects': ({ server }, world) => {
    server.beginElection();
    world.schedule(world.random.between(100, 3_500), () => server.endElection());
  },
  'the store is compacted': ({ server }) => server.compact(server.revision),
  'watches of the store break': ({ network, coordinators }, { random }) => {
    network.breakStreams(random.pick(coordinators).name);
  },
  'leadership is handed over': (cluster, { random }) => {
    const target = random.chance(0.5) ? random.pick(cluster.coordinators).name : undefined;
    for (const coordinator of cluster.coordinators) cluster.transfer(coordinator, target);
  },
  'a wall clock is set': ({ coordinators, nodes }, { random }) => {
    const processes = [...coordinators, ...nodes].flatMap(({ process }) => process ?? []);
    if (processes.length > 0) random.pick(processes).jumpWallClock(random.pick([-3_600_000, -2_000, 2_000, 3_600_000]));
  },
  'a node stands still': ({ nodes }, world) => {
    if (nodes.length === 0) return;
    const { process } = world.random.pick(nodes);
    process.pause();
    world.schedule(world.random.between(100, 7_000), () => process.resume());
  },
  'a node is restarted': (cluster, { random }) => {
    if (cluster.nodes.length > 0) cluster.replace(random.pick(cluster.nodes), { wasKilled: random.chance(0.7) });
  },
  'a node comes': (cluster, { random }) => cluster.join(role(random)),
  'a node leaves': (cluster, { random }) => {
    if (cluster.nodes.length > 0) cluster.end(random.pick(cluster.nodes), { leaves: random.chance(0.5) });
  },
  'changes are proposed': (cluster, { random }) => {
    for (let count = random.integer(1, 3); count > 0; count -= 1) {
      for (const coordinator of cluster.coordinators) cluster.propose(coordinator);
    }
  },
};

/**
 * One seeded schedule: a cluster comes up, for some seconds things go wrong, then all is mended and it
 * must settle. Each seed has kinds of faults of its own: what always comes together hides what it does alone.
 */
export async function runSchedule(
  seed: number,
  options: { readonly faults?: SimStoreFaults; readonly trace?: (line: string) => void } = {},
): Promise<ScheduleOutcome> {
  const random = simRandom(seed);
  const world = new SimWorld({ random, trace: options.trace });
  const cluster = new SimCluster(options.faults ?? {}, { world });
  cluster.start();
  const kinds = Object.entries(faultsByName).filter(() => random.chance(0.5));
  // In every other schedule changes are always on their way somewhere; in the rest a new leader writes nothing at first.
  const writes = () => {
    for (const coordinator of cluster.coordinators) cluster.propose(coordinator);
    world.schedule(random.between(50, 1_000), () => {
      if (world.nowMs < untilMs) writes();
    });
  };
  if (random.chance(0.5)) world.schedule(500, writes);
  const untilMs = random.between(3_000, 9_000);
  const meanMs = random.pick([60, 150, 500]);
  const next = () => {
    const [name, fault] = random.pick(kinds);
    world.note(() => name);
    fault(cluster, world);
    world.schedule(random.between(0, 2 * meanMs), () => {
      if (world.nowMs < untilMs) next();
    });
  };
  if (kinds.length > 0) world.schedule(random.between(0, 3_000), next);
  let failure: Error | undefined;
  try {
    while (cluster.checker.failure === undefined && (await world.step(untilMs))) cluster.assertSane();
    cluster.heal();
    cluster.network.weather = fairWeather;
    const deadlineMs = world.nowMs + settleMaxMs;
    while (cluster.checker.failure === undefined && cluster.unsettled() !== undefined) {
      if (!(await world.step(deadlineMs))) break;
      cluster.assertSane();
    }
    cluster.checker.assert(
      cluster.unsettled() === undefined,
      () => `${settleMaxMs} ms after the last fault, ${cluster.unsettled()}`,
    );
    failure = cluster.checker.failure;
  } catch (error) {
    failure = error instanceof Error ? error : new Error(String(error));
  }
  return {
    seed,
    events: world.events,
    versions: Number(cluster.checker.topology?.version ?? 0n),
    terms: cluster.checker.terms,
    virtualMs: world.nowMs,
    failure,
  };
}
