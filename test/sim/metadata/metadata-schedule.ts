import { simRandom } from '../sim-random.ts';
import { SimWorld } from '../sim-world.ts';
import { watchHost } from './sim-leader.ts';
import { SimMetadataCluster, type SimNodeHost } from './sim-metadata-cluster.ts';
import type { SimRepo } from './sim-pusher.ts';

/** How long a cluster may take to serve again with all its replicas when nothing is broken any more: some leases, timeouts and back-offs. */
const settleMaxMs = 60_000;

/** What was lost on its way costs a call its whole time-out, and that two times over. */
const servedMaxMs = 15_000;

/** How long it may take to come up and make its repositories. */
const prepareMaxMs = 30_000;

/** What one schedule came to. */
export interface MetadataOutcome {
  readonly seed: number;
  readonly events: number;
  /** Operations that clients have had an answer to. */
  readonly acknowledged: number;
  readonly pushes: number;
  /** Changes of primaries. */
  readonly failovers: number;
  readonly virtualMs: number;
  /** Why it failed; undefined when all invariants held and the cluster settled. */
  readonly failure: Error | undefined;
}

/** Something that goes wrong, or that somebody does. */
type Fault = (cluster: SimMetadataCluster, world: SimWorld) => void;

const anyHost = ({ hosts }: SimMetadataCluster, { random }: SimWorld): SimNodeHost => random.pick(hosts);

/** The primary of some partition more often than another node. */
function victim(cluster: SimMetadataCluster, world: SimWorld): SimNodeHost {
  if (world.random.chance(0.4)) return anyHost(cluster, world);
  const { primaryId } = world.random.pick(cluster.topology.partitions);
  return primaryId === '' ? anyHost(cluster, world) : cluster.host(primaryId);
}

/** A way or both, for a time. */
function cut(cluster: SimMetadataCluster, world: SimWorld, one: string, other: string): void {
  const { random } = world;
  const both: readonly (readonly [string, string])[] = [
    [one, other],
    [other, one],
  ];
  const ways = random.pick([both, both.slice(0, 1), both.slice(1)]);
  const forMs = random.between(100, 4_000);
  world.note(() => `cut for ${forMs.toFixed(0)} ms: ${ways.map((way) => way.join(' to ')).join(', ')}`);
  for (const [from, to] of ways) cluster.network.cut(from, to);
  world.schedule(forMs, () => {
    for (const [from, to] of ways) cluster.network.mend(from, to);
  });
}

/** Down for a time. */
function later(world: SimWorld, maxMs: number, what: () => void): void {
  world.schedule(world.random.between(20, maxMs), what);
}

/** Every kind of fault, by a name for the trace. */
const faultsByName: Readonly<Record<string, Fault>> = {
  'a node crashes': (cluster, world) => {
    const host = victim(cluster, world);
    cluster.crashNode(host);
    later(world, 6_000, () => cluster.startNode(host));
  },
  'a node is restarted in order': (cluster, world) => {
    const host = victim(cluster, world);
    void cluster.stopNode(host).then(() => later(world, 2_000, () => cluster.startNode(host)));
  },
  'all nodes crash': (cluster, world) => {
    for (const host of cluster.hosts) {
      cluster.crashNode(host);
      later(world, 3_000, () => cluster.startNode(host));
    }
  },
  'a node loses its disk': (cluster, world) => {
    const host = victim(cluster, world);
    if (!cluster.canLose(host)) return;
    cluster.crashNode(host);
    cluster.wipe(host);
    later(world, 4_000, () => cluster.startNode(host));
  },
  'a node loses its disk, and what it said before comes late': (cluster, world) => {
    const host = victim(cluster, world);
    const { network } = cluster;
    const others = cluster.hosts.filter((other) => other !== host);
    if (!cluster.canLose(host)) return;
    for (const { name } of others) network.hold(host.name, name);
    later(world, 300, () => {
      if (cluster.canLose(host)) {
        cluster.crashNode(host);
        cluster.wipe(host);
      }
      later(world, 2_500, () => {
        cluster.startNode(host);
        later(world, 800, () => {
          for (const { name } of others) network.release(host.name, name);
        });
      });
    });
  },
  'a replica that is to be added loses its disk, and the addition comes late': (cluster, world) => {
    const { network } = cluster;
    const partition = cluster.topology.partitions.find(({ inSync, replicas }) => inSync.length < replicas.length);
    const away = partition?.replicas.find((id) => !partition.inSync.includes(id));
    if (partition === undefined || away === undefined) return;
    const host = cluster.host(away);
    cluster.startNode(host);
    network.hold(partition.primaryId, 'coordinator');
    world.schedule(world.random.between(200, 1_200), () => {
      if (cluster.canLose(host)) {
        cluster.crashNode(host);
        cluster.wipe(host);
        cluster.startNode(host);
      }
      later(world, 400, () => network.release(partition.primaryId, 'coordinator'));
    });
  },
  'what is added becomes the primary before the old one hears of it': (cluster, world) => {
    cluster.onAddition = ({ id, primaryId }, added) => {
      const { network } = cluster;
      world.note(() => `${primaryId} does not hear that ${added} was added`);
      network.cut(watchHost, primaryId);
      network.hold('coordinator', primaryId);
      if (world.random.chance(0.5)) network.cut(added, primaryId);
      later(world, 600, () => {
        const partition = cluster.partition(id);
        if (!partition.inSync.includes(added)) return;
        cluster.coordinator.leader?.movePrimary(partition, added).catch(() => undefined);
      });
      later(world, 3_000, () => {
        network.mend(watchHost, primaryId);
        network.mend(added, primaryId);
        network.release('coordinator', primaryId);
      });
    };
  },
  'who was a primary hears nothing for a while': (cluster, world) => {
    cluster.onFailover = (formerId) => {
      const { network, hosts } = cluster;
      world.note(() => `${formerId} hears nothing`);
      network.cut(watchHost, formerId);
      for (const { name } of hosts) network.hold(name, formerId);
      later(world, 3_000, () => {
        network.mend(watchHost, formerId);
        for (const { name } of hosts) network.release(name, formerId);
      });
    };
  },
  'a primary loses the coordinator until it is taken for dead': (cluster, world) => {
    const { network } = cluster;
    const { name } = victim(cluster, world);
    const ways = [
      [name, 'coordinator'],
      ['coordinator', name],
      [watchHost, name],
    ] as const;
    for (const [from, to] of ways) network.cut(from, to);
    world.schedule(world.random.between(4_500, 8_000), () => {
      for (const [from, to] of ways) network.mend(from, to);
    });
  },
  'a node loses all others and the topology': (cluster, world) => {
    const { network, hosts } = cluster;
    const { name } = victim(cluster, world);
    const others = hosts.map((other) => other.name).filter((other) => other !== name);
    network.cut(watchHost, name);
    for (const other of others) {
      network.cut(name, other);
      network.cut(other, name);
    }
    later(world, 6_000, () => {
      network.mend(watchHost, name);
      for (const other of others) {
        network.mend(name, other);
        network.mend(other, name);
      }
    });
  },
  'a primary is moved, and does not hear of it': (cluster, world) => {
    const { network } = cluster;
    const partition = world.random.pick(cluster.topology.partitions);
    const { primaryId } = partition;
    network.cut(watchHost, primaryId);
    if (world.random.chance(0.5)) network.hold(world.random.pick(partition.replicas), primaryId);
    const others = partition.inSync.filter((id) => id !== primaryId);
    if (others.length > 0) {
      cluster.coordinator.leader?.movePrimary(partition, world.random.pick(others)).catch(() => undefined);
    }
    later(world, 4_000, () => {
      network.mend(watchHost, primaryId);
      for (const id of partition.replicas) network.release(id, primaryId);
    });
  },
  'a node stands still': (cluster, world) => {
    const { process, name } = victim(cluster, world);
    world.note(() => `${name} stands still`);
    process?.pause();
    later(world, 5_000, () => {
      world.note(() => `${name} goes on`);
      process?.resume();
    });
  },
  'all nodes stand still': ({ hosts }, world) => {
    for (const { process } of hosts) {
      process?.pause();
      later(world, 3_000, () => process?.resume());
    }
  },
  'two nodes lose each other': (cluster, world) => {
    const [one, other] = [victim(cluster, world), anyHost(cluster, world)];
    if (one !== other) cut(cluster, world, one.name, other.name);
  },
  'a node loses all others': (cluster, world) => {
    const one = victim(cluster, world);
    for (const other of cluster.hosts) if (one !== other) cut(cluster, world, one.name, other.name);
  },
  'a node loses the coordinator': (cluster, world) => {
    cut(cluster, world, victim(cluster, world).name, 'coordinator');
  },
  'a node is not told of the topology': (cluster, world) => {
    const { network } = cluster;
    const { name } = victim(cluster, world);
    network.cut(watchHost, name);
    later(world, 6_000, () => network.mend(watchHost, name));
  },
  'the network holds back what a node sends': (cluster, world) => {
    const one = victim(cluster, world).name;
    const to = world.random.pick([anyHost(cluster, world).name, 'coordinator']);
    cluster.network.hold(one, to);
    later(world, 5_000, () => cluster.network.release(one, to));
  },
  'the coordinator stands still': ({ coordinator }, world) => {
    const { process } = coordinator;
    process?.pause();
    later(world, 4_000, () => process?.resume());
  },
  'the coordinator crashes': (cluster, world) => {
    cluster.crashLeader();
    later(world, 3_000, () => cluster.startLeader());
  },
  'the weather changes': ({ network, calls }, { random }) => {
    network.weather = {
      lossRate: random.pick([0, 0.002, 0.03]),
      slowRate: random.pick([0, 0.05, 0.3]),
      fastMs: random.pick([2, 20]),
      slowMs: random.pick([50, 400, 2_500]),
    };
    calls.weather = { repeatRate: random.pick([0, 0.05]), breakRate: random.pick([0, 0.02]) };
  },
  'a disk is slow': ({ hosts }, world) => {
    const { disk } = world.random.pick(hosts);
    const before = disk.speed;
    disk.speed = { syncMs: 30, slowRate: 0.1, slowMs: world.random.pick([200, 3_000]) };
    later(world, 5_000, () => {
      disk.speed = before;
    });
  },
  'a disk is full': ({ hosts }, world) => {
    const { disk } = world.random.pick(hosts);
    disk.isFull = true;
    later(world, 3_000, () => {
      disk.isFull = false;
    });
  },
  'a wall clock is set': ({ hosts }, { random }) => {
    random.pick(hosts).process?.jumpWallClock(random.pick([-3_600_000, -2_000, 2_000, 3_600_000]));
  },
  'an operator moves a primary': (cluster, { random }) => {
    const partition = random.pick(cluster.topology.partitions);
    // Refused when it has changed meanwhile; nobody asks again.
    cluster.coordinator.leader?.movePrimary(partition, random.pick(partition.inSync)).catch(() => undefined);
  },
};

/**
 * One seeded schedule: metadata nodes come up, clients push and read, for some seconds things go wrong, then all is
 * mended: everything must serve again, and what clients were told must have an order. Each seed has kinds of faults
 * of its own: what always comes together hides what it does alone.
 */
export async function runMetadataSchedule(
  seed: number,
  options: { readonly trace?: (line: string) => void } = {},
): Promise<MetadataOutcome> {
  const random = simRandom(seed);
  const world = new SimWorld({ random, trace: options.trace });
  const cluster = new SimMetadataCluster(
    {
      nodes: random.pick([3, 3, 3, 4, 5]),
      partitions: random.pick([1, 2, 3]),
      pushers: random.integer(2, 5),
      driftMax: random.pick([0, 0.05]),
      logEntries: random.pick([5, 1_000]),
    },
    { world },
  );
  let failure: Error | undefined;
  try {
    cluster.start();
    const prepared = cluster.prepare();
    await during(cluster, world, prepareMaxMs, prepared);
    if (cluster.failure === undefined) await faults(cluster, world);
    if (cluster.failure === undefined) await settled(cluster, world);
  } catch (error) {
    failure = error instanceof Error ? error : new Error(String(error));
  }
  return {
    seed,
    events: world.events,
    acknowledged: cluster.pushers.reduce((sum, { acknowledged }) => sum + acknowledged, 0),
    pushes: cluster.acknowledged.length,
    failovers: cluster.failovers,
    virtualMs: world.nowMs,
    failure: cluster.failure ?? failure,
  };
}

/** Lets time go on until it is done; a violation ends it at once. */
async function during(
  cluster: SimMetadataCluster,
  world: SimWorld,
  forMs: number,
  until: Promise<unknown>,
): Promise<void> {
  const untilMs = world.nowMs + forMs;
  let outcome: { readonly error?: unknown } | undefined;
  until.then(
    () => {
      outcome = {};
    },
    (error: unknown) => {
      outcome = { error };
    },
  );
  while (outcome === undefined && cluster.failure === undefined) {
    if (world.nowMs >= untilMs || !(await world.step(untilMs))) break;
  }
  if (cluster.failure !== undefined) return;
  if (outcome === undefined)
    cluster.fail(`it takes longer than ${forMs} ms; ${cluster.unsettled() ?? 'all is settled'}`);
  else if ('error' in outcome) throw outcome.error;
}

async function faults(cluster: SimMetadataCluster, world: SimWorld): Promise<void> {
  const { random } = world;
  const kinds = Object.entries(faultsByName).filter(() => random.chance(0.3));
  const untilMs = world.nowMs + random.between(3_000, 9_000);
  const meanMs = random.pick([150, 500, 1_500]);
  const next = () => {
    const [name, fault] = random.pick(kinds);
    world.note(() => name);
    fault(cluster, world);
    world.schedule(random.between(0, 2 * meanMs), () => {
      if (world.nowMs < untilMs) next();
    });
  };
  if (kinds.length > 0) world.schedule(random.between(0, 1_000), next);
  const meanPauseMs = random.pick([20, 60, 120]);
  cluster.keepReading(untilMs, random.pick([20, 60]));
  const pushing = cluster.pushers.map((pusher) => pusher.run(untilMs, meanPauseMs));
  await during(cluster, world, untilMs - world.nowMs + 20_000, Promise.all(pushing));
}

/**
 * Mends everything: it must serve again with all replicas in sync, take one more push for each repository, hold every
 * acknowledged push, and all histories must have an order. What does not hold is the cluster's failure.
 */
export async function settled(cluster: SimMetadataCluster, world: SimWorld): Promise<void> {
  cluster.heal();
  const deadlineMs = world.nowMs + settleMaxMs;
  let reason = cluster.unsettled();
  while (reason !== undefined && cluster.failure === undefined) {
    if (!(await world.step(deadlineMs))) break;
    reason = cluster.unsettled();
  }
  if (reason !== undefined) cluster.fail(`${settleMaxMs} ms after the last fault, ${reason}`);
  if (cluster.failure !== undefined) return;
  await during(cluster, world, servedMaxMs, Promise.all(cluster.repos.map((repo) => serves(cluster, repo))));
  cluster.assertHistories();
}

/** Resolves when a repository has taken one more push and has been read after it. */
async function serves(cluster: SimMetadataCluster, repo: SimRepo): Promise<void> {
  const pusher = cluster.newPusher(`last-of-${repo.name}`);
  for (let isPushed = false; !isPushed; ) {
    await pusher.read(repo, Number.POSITIVE_INFINITY);
    isPushed = await pusher.push(repo, Number.POSITIVE_INFINITY);
  }
  while (!(await pusher.read(repo, Number.POSITIVE_INFINITY)));
}
