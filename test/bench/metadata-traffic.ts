import { GetRefsRequest, UpdateRefsRequest } from '../../src/rpc/gen/stratum/v1/metadata.ts';
import { type CallRate, callRate } from './call-rate.ts';
import { measureEtcdSwaps } from './etcd-swaps.ts';
import { MetadataCluster } from './metadata-cluster.ts';
import { measureLargeRepository } from './metadata-large.ts';
import { idOf, newRepo, push, pushRequest, RefMover, zero } from './metadata-pusher.ts';
import { processorSeconds, residentMib } from './process-load.ts';

// The caller's side of metadata.ts. Milliseconds of each measurement, and how many ask at once.
const periodMs = Number(process.env.PERIOD_MS ?? 5_000);
const callers = Number(process.env.CALLERS ?? 64);
const repositories = Number(process.env.REPOSITORIES ?? 1_000);
const notModifiedTarget = 10_000;

function tell(what: string, { perSecond, p50Ms, p99Ms }: CallRate, ratio = ''): void {
  const latency = `p50 ${p50Ms.toFixed(1)} ms, p99 ${p99Ms.toFixed(1)} ms`;
  console.log(`${what.padEnd(48)} ${Math.round(perSecond).toString().padStart(7)} /s  ${latency}  ${ratio}`);
}

const tellMs = (what: string, tookMs: number) => console.log(`${what.padEnd(48)} ${tookMs.toFixed(0).padStart(7)} ms`);

/** The n-th of what a caller has for itself, over and over. */
function inTurn<T>(things: readonly T[]): (caller: number) => T {
  const owned = Array.from({ length: callers }, (_, caller) => things.filter((_, at) => at % callers === caller));
  const turns = owned.map(() => 0);
  return (caller) => {
    const turn = turns[caller] ?? 0;
    turns[caller] = turn + 1;
    const own = owned[caller] ?? [];
    const thing = own[turn % own.length];
    if (thing === undefined) throw new Error(`caller ${caller} has nothing`);
    return thing;
  };
}

async function moversOf({ client }: MetadataCluster): Promise<readonly RefMover[]> {
  const movers: RefMover[] = [];
  for (let at = 0; at < repositories; at += callers) {
    const some = Array.from({ length: Math.min(callers, repositories - at) }, async (_, index) => {
      return new RefMover(client, await newRepo(client, `many/app-${at + index}`));
    });
    movers.push(...(await Promise.all(some)));
  }
  return movers;
}

async function measureUpdates(cluster: MetadataCluster, movers: readonly RefMover[]) {
  const { client } = cluster;
  const single = new RefMover(client, await newRepo(client, 'single/app'));
  await callRate(1, Math.min(periodMs, 1_000), () => single.move()); // The connections are there, the code is warm.
  const one = await callRate(1, periodMs, () => single.move());
  const shared = await newRepo(client, 'shared/app');
  const refs = Array.from({ length: callers }, (_, at) => new RefMover(client, shared, `refs/heads/branch-${at}`));
  const own = await callRate(callers, periodMs, async (caller) => refs[caller]?.move());
  const nextMover = inTurn(movers);
  const many = await callRate(callers, periodMs, (caller) => nextMover(caller).move());
  return { one, own, many };
}

/** The rate, and the processor time of one call at its caller and at the nodes, heartbeats and beacons included. */
async function measureNotModified(cluster: MetadataCluster) {
  const { client } = cluster;
  const repos = await Promise.all(Array.from({ length: callers }, (_, at) => newRepo(client, `read/app-${at}`)));
  const names = Array.from({ length: 100 }, (_, at) => `refs/heads/branch-${at}`);
  const requests = await Promise.all(
    repos.map(async (repo) => {
      const commands = names.map((name) => ({ name, oldId: zero, newId: idOf(1), newPeeledId: '' }));
      await push(client, repo, commands);
      const { repo: now } = await client.getRefs(GetRefsRequest.create({ repo: repo.name }));
      return GetRefsRequest.create({ repo: repo.name, ifRepoId: repo.id, ifGenerationNot: now?.refsGeneration ?? 0n });
    }),
  );
  const ask = async (caller: number) => {
    const { notModified } = await client.getRefs(requests[caller] ?? GetRefsRequest.create({}));
    if (!notModified) throw new Error('an answer was not "not modified"');
  };
  await callRate(callers, Math.min(periodMs, 1_000), ask); // The code is warm.
  const processors = [process.pid, ...cluster.pids];
  const before = processors.map(processorSeconds);
  const rate = await callRate(callers, periodMs, ask);
  const [caller = 0, ...nodes] = processors.map((pid, at) => (processorSeconds(pid) - (before[at] ?? 0)) * 1e6);
  const calls = rate.count;
  const ofNodes = nodes.reduce((sum, microseconds) => sum + microseconds, 0);
  return { rate, callerMicroseconds: caller / calls, nodesMicroseconds: ofNodes / calls };
}

/** From the SIGKILL to a node until every repository that it was the primary of has taken a push again. */
async function measureFailover(cluster: MetadataCluster, movers: readonly RefMover[]): Promise<void> {
  const [first] = movers;
  const victim = cluster.partitions.find(({ id }) => id === first?.repo.partition)?.primaryId ?? '';
  const led = new Set(cluster.partitions.filter(({ primaryId }) => primaryId === victim).map(({ id }) => id));
  const hit = movers.filter(({ repo }) => led.has(repo.partition)).slice(0, callers);
  const killedMs = performance.now();
  await cluster.kill(victim);
  const tookMs = await Promise.all(
    hit.map(async (mover) => {
      await mover.move();
      return performance.now() - killedMs;
    }),
  );
  tellMs(`failover: the first of ${hit.length} repositories`, Math.min(...tookMs));
  tellMs('failover: the last of them', Math.max(...tookMs));
}

const command = { name: 'refs/heads/main', oldId: idOf(1), newId: idOf(2), newPeeledId: '' };
const sample = pushRequest({ name: 'many/app-100', id: '0'.repeat(32) }, [command]);
const bytes = UpdateRefsRequest.encode(sample).finish().length;
const etcd = await measureEtcdSwaps({ periodMs, callers, keys: repositories, bytes });
tell(`etcd, swaps of ${bytes} B, one key, one caller`, etcd.one);
tell(`etcd, ${callers} callers, a key each`, etcd.own);
tell(`etcd, ${callers} callers, ${repositories} keys`, etcd.many);

const cluster = await MetadataCluster.start();
try {
  const replicas = Math.min(...cluster.partitions.map(({ inSync }) => inSync.length));
  console.log(`${cluster.partitions.length} partitions with ${replicas} replicas in sync each`);
  const loadBefore = cluster.pids.map(processorSeconds);
  const times = (ours: CallRate, peer: CallRate) => `${(ours.perSecond / peer.perSecond).toFixed(2)} times etcd`;
  const movers = await moversOf(cluster);
  const updates = await measureUpdates(cluster, movers);
  tell('updates of one ref, one caller', updates.one, times(updates.one, etcd.one));
  tell(`updates, ${callers} callers, a ref each, one repository`, updates.own, times(updates.own, etcd.own));
  tell(`updates, ${callers} callers, ${repositories} repositories`, updates.many, times(updates.many, etcd.many));
  const notModified = await measureNotModified(cluster);
  const share = (notModified.rate.perSecond / notModifiedTarget).toFixed(2);
  tell(`GetRefs "not modified", ${callers} callers`, notModified.rate, `${share} of ${notModifiedTarget}`);
  const [atCaller, atNodes] = [notModified.callerMicroseconds, notModified.nodesMicroseconds].map(Math.round);
  console.log(`  processor time of one: caller ${atCaller} µs, nodes ${atNodes} µs`);
  await measureLargeRepository(cluster.client, tellMs);
  const used = cluster.pids.map((pid, at) => (processorSeconds(pid) - (loadBefore[at] ?? 0)).toFixed(1));
  console.log(
    `processor seconds: caller ${(process.cpuUsage().user / 1e6).toFixed(1)}, metadata nodes ${used.join(', ')}`,
  );
  console.log(`resident: ${cluster.pids.map((pid) => `${Math.round(residentMib(pid))} MiB`).join(', ')}`);
  if (replicas > 1) await measureFailover(cluster, movers);
  else console.log('no failover: there is one replica');
} finally {
  await cluster.remove();
}
