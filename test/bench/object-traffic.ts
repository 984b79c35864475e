import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Etcd3 } from 'etcd3';
import { systemClock } from '../../src/base/clock.ts';
import { type Oid, oidOf } from '../../src/base/oid.ts';
import { KiB, MiB } from '../../src/base/units.ts';
import { FileBlobSource } from '../../src/replication/file-blob-source.ts';
import { MemoryBlobSource } from '../../src/replication/memory-blob-source.ts';
import { QuorumObjects } from '../../src/replication/quorum-objects.ts';
import { TopologyNodeDirectory } from '../../src/replication/topology-node-directory.ts';
import { ChannelPool } from '../../src/rpc/channel-pool.ts';
import type { SmallBlob } from '../../src/store/blob-store.ts';
import type { Topology } from '../../src/topology/topology.ts';
import { ringOf } from '../unit/replication/sample-ring.ts';
import { startEtcdCluster } from './etcd-cluster.ts';
import { processorSeconds } from './process-load.ts';

// Milliseconds of each measurement, and the size of the large blob.
const periodMs = Number(process.env.PERIOD_MS ?? 4_000);
const largeMiB = Number(process.env.LARGE_MIB ?? 1024);
const smallBytes = 4 * KiB;
const etcdValueBytes = 256;
const perBatch = Number(process.env.BATCH ?? 64);
const batchesInFlight = Number(process.env.IN_FLIGHT ?? 16);
const singleCallers = Number(process.env.CALLERS ?? 64);
const timeoutMs = 600_000;

/** How many items the callers got done in a second, each asking for its next when it has the last. */
async function rate(callers: number, work: () => Promise<number>): Promise<number> {
  const beganMs = performance.now();
  let done = 0;
  const caller = async () => {
    while (performance.now() - beganMs < periodMs) {
      const more = await work(); // Not `done += await …`, which would add to what it was before.
      done += more;
    }
  };
  await Promise.all(Array.from({ length: callers }, caller));
  return done / ((performance.now() - beganMs) / 1_000);
}

async function seconds(work: () => Promise<unknown>): Promise<number> {
  const beganMs = performance.now();
  await work();
  return (performance.now() - beganMs) / 1_000;
}

async function measureEtcd() {
  const etcd = await startEtcdCluster();
  const client = new Etcd3({ hosts: [...etcd.endpoints] });
  try {
    const value = Buffer.alloc(etcdValueBytes, 'v');
    let number = 0;
    const put = async () => {
      number += 1;
      await client.put(`key-${number}`).value(value);
      return 1;
    };
    await put();
    return { one: await rate(1, put), many: await rate(singleCallers, put) };
  } finally {
    client.close();
    await etcd.stop();
  }
}

/** Blobs that nobody has stored yet. */
function* freshBlobs(): Generator<SmallBlob, never, undefined> {
  for (let number = 0; ; number += 1) {
    const content = Buffer.alloc(smallBytes, `${process.pid}-${number}-`);
    yield { oid: oidOf(content), content };
  }
}

interface Cluster {
  readonly objects: QuorumObjects;
  readonly processes: readonly ChildProcess[];
  readonly folder: string;
  stop(): Promise<void>;
}

async function startCluster(): Promise<Cluster> {
  const folder = await mkdtemp(join(tmpdir(), 'stratum-bench-object-'));
  const processes: ChildProcess[] = [];
  const addresses = new Map<string, string>();
  for (const nodeId of ['o1', 'o2', 'o3']) {
    const child = fork(join(import.meta.dirname, 'object-process.mjs'), [join(folder, nodeId), nodeId]);
    processes.push(child);
    const [address] = (await once(child, 'message')) as [string];
    addresses.set(nodeId, address);
  }
  const sample = ringOf({ o1: 'ACTIVE', o2: 'ACTIVE', o3: 'ACTIVE' });
  const nodes = new Map(
    [...sample.nodes].map(([id, node]) => [id, { ...node, address: addresses.get(id) ?? '' }] as const),
  );
  const topology: Topology = { ...sample, nodes };
  const source = { current: () => topology, subscribe: () => () => undefined };
  const pool = new ChannelPool();
  const directory = new TopologyNodeDirectory({ topology: source, pool, clock: systemClock });
  return {
    objects: new QuorumObjects({}, { clock: systemClock, topology: source, nodes: directory }),
    processes,
    folder,
    stop: async () => {
      directory.close();
      pool.close();
      for (const child of processes) {
        const ended = once(child, 'exit');
        child.disconnect();
        await ended;
      }
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function putSmall({ objects }: Cluster, blobs: Generator<SmallBlob>, stored: Oid[]) {
  const single = async () => {
    const { content, oid } = blobs.next().value;
    await objects.put(new MemoryBlobSource(content), { timeoutMs });
    stored.push(oid);
    return 1;
  };
  const batch = async () => {
    const many = Array.from({ length: perBatch }, () => blobs.next().value);
    const { fates } = await objects.putMany(many, { timeoutMs });
    for (const fate of fates) if (fate instanceof Error) throw fate;
    for (const { oid } of many) stored.push(oid);
    return many.length;
  };
  await single(); // The connections are there.
  const one = await rate(1, single);
  const many = await rate(singleCallers, single);
  return { one, many, batched: await rate(batchesInFlight, batch) };
}

async function getSmall({ objects }: Cluster, stored: readonly Oid[]) {
  let at = 0;
  const batch = async () => {
    const asked = Array.from({ length: perBatch }, () => {
      at = (at + 7_919) % stored.length;
      return stored[at] as Oid;
    });
    for (const content of await objects.getMany(asked, { timeoutMs })) if (content instanceof Error) throw content;
    return asked.length;
  };
  await batch();
  return rate(batchesInFlight, batch);
}

async function large({ objects, folder }: Cluster) {
  const path = join(folder, 'large');
  const file = await open(path, 'w');
  const chunk = Buffer.alloc(MiB);
  for (let index = 0; index < largeMiB; index += 1) {
    chunk.writeUInt32BE(index);
    await file.write(chunk);
  }
  await file.close();
  const source = await FileBlobSource.fromFile(path);
  let settled: Promise<unknown> = Promise.resolve();
  const put = await seconds(async () => {
    ({ settled } = await objects.put(source, { timeoutMs }));
  });
  await settled;
  const get = await seconds(async () => {
    let bytes = 0;
    for await (const part of (await objects.get(source.oid, undefined, { timeoutMs })).chunks) bytes += part.length;
    if (bytes !== source.size) throw new Error(`${bytes} of ${source.size} bytes came back`);
  });
  return { put: source.size / put / 1e6, get: source.size / get / 1e6 };
}

const tell = (what: string, value: number, unit: string, ratio = '') =>
  console.log(`${what.padEnd(46)} ${Math.round(value).toString().padStart(8)} ${unit.padEnd(10)} ${ratio}`);
const timesEtcd = (value: number, peer: number) => `${(value / peer).toFixed(2)} times etcd`;

const etcd = await measureEtcd();
tell(`etcd, three members, ${etcdValueBytes} B, one caller`, etcd.one, 'writes/s');
tell(`etcd, three members, ${etcdValueBytes} B, ${singleCallers} callers`, etcd.many, 'writes/s');
const cluster = await startCluster();
try {
  const load = () => [process.pid, ...cluster.processes.map(({ pid = 0 }) => pid)].map(processorSeconds);
  const before = load();
  const stored: Oid[] = [];
  const put = await putSmall(cluster, freshBlobs(), stored);
  tell('put 4 KiB, a call each, one caller', put.one, 'blobs/s', timesEtcd(put.one, etcd.one));
  tell(`put 4 KiB, a call each, ${singleCallers} callers`, put.many, 'blobs/s', timesEtcd(put.many, etcd.many));
  tell(
    `put 4 KiB, ${perBatch} a call, ${batchesInFlight} calls`,
    put.batched,
    'blobs/s',
    timesEtcd(put.batched, etcd.many),
  );
  const get = await getSmall(cluster, stored);
  tell(
    `get 4 KiB, verified, ${perBatch} a call, ${batchesInFlight} calls`,
    get,
    'blobs/s',
    `${(get / 80_000).toFixed(2)} of 80,000`,
  );
  const { put: largePut, get: largeGet } = await large(cluster);
  tell(`put ${largeMiB} MiB to three nodes`, largePut, 'MB/s', `${(largePut / 250).toFixed(2)} of 250`);
  tell(`get ${largeMiB} MiB`, largeGet, 'MB/s', `${(largeGet / 500).toFixed(2)} of 500`);
  const used = load().map((after, index) => (after - (before[index] ?? 0)).toFixed(1));
  console.log(`processor seconds: client ${used[0]}, object nodes ${used.slice(1).join(', ')}`);
} finally {
  await cluster.stop();
}
