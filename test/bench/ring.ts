// How many blobs the ring places a second on one core, how long it takes to build, and how evenly it shares.

import { createHash } from 'node:crypto';
import type { Oid } from '../../src/base/oid.ts';
import { HashRing } from '../../src/topology/hash-ring.ts';
import { ringShares } from '../../src/topology/ring-shares.ts';
import type { Ring } from '../../src/topology/topology.ts';

const idCount = 1_000_000;
const nodeCount = 1_000;

const bytes = Array.from({ length: idCount }, (_, index) => createHash('sha256').update(`blob ${index}`).digest());
const oids = bytes.map((each) => each.toString('hex') as Oid);

function ringOf(nodes: number, virtualNodes: number): Ring {
  const members = Array.from({ length: nodes }, (_, index) => ({
    nodeId: `object-${index + 1}`,
    weight: 100,
    zone: '',
  }));
  return { epoch: 1n, replicationFactor: 3, writeQuorum: 2, virtualNodes, nodes: members };
}

/** Milliseconds of processor time that `work` takes: what else runs on the machine is no business of the ring's. */
function timed(work: () => void): number {
  const before = process.threadCpuUsage();
  work();
  const { user, system } = process.threadCpuUsage(before);
  return (user + system) / 1000;
}

function placementsPerSecond(ring: HashRing, ids: readonly (Oid | Uint8Array)[]): string {
  let replicas = 0;
  const tookMs = timed(() => {
    for (const id of ids) replicas += ring.placement(id).length;
  });
  if (replicas !== 3 * ids.length) throw new Error(`${replicas} replicas of ${ids.length} blobs`);
  return `${((ids.length / tookMs) * 1000).toExponential(2)}/s`;
}

console.log('placement of 1,000,000 random ids on one core, and imbalance (most loaded over mean, N = 3)');
for (const [nodes, virtualNodes] of [
  [3, 512],
  [nodeCount, 256],
  [nodeCount, 512],
  [nodeCount, 1024],
] as const) {
  const ring = ringOf(nodes, virtualNodes);
  const before = process.memoryUsage().rss;
  let hashRing: HashRing | undefined;
  const buildMs = timed(() => {
    hashRing = HashRing.of(ring);
  });
  if (hashRing === undefined) throw new Error('no ring was built');
  const figures = [
    `built in ${buildMs.toFixed(0)} ms`,
    `first time (walks included) ${placementsPerSecond(hashRing, oids)}`,
    `by hex id ${placementsPerSecond(hashRing, oids)}`,
    `by bytes ${placementsPerSecond(hashRing, bytes)}`,
  ];
  const shares = [...ringShares(ring).values()].map(({ replica }) => replica);
  figures.push(`imbalance ${((Math.max(...shares) * nodes) / 3).toFixed(3)}`);
  figures.push(`${((process.memoryUsage().rss - before) / 2 ** 20).toFixed(0)} MiB`);
  console.log(`${nodes} nodes x ${virtualNodes}: ${figures.join(', ')}`);
}
