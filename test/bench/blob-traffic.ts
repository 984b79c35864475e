import { type ChildProcess, fork } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../src/base/clock.ts';
import { MiB } from '../../src/base/units.ts';
import { FileBlobSource } from '../../src/replication/file-blob-source.ts';
import type { BlobStream } from '../../src/replication/node-io.ts';
import { QuorumObjects } from '../../src/replication/quorum-objects.ts';
import { RemoteNode } from '../../src/replication/remote/remote-node.ts';
import { TopologyNodeDirectory } from '../../src/replication/topology-node-directory.ts';
import { ChannelPool } from '../../src/rpc/channel-pool.ts';
import type { Topology } from '../../src/topology/topology.ts';
import { ringOf } from '../unit/replication/sample-ring.ts';
import { processorSeconds } from './process-load.ts';

// The size of the blob. The folder is below TMPDIR: /dev/shm tells what the code costs without a disk.
const largeMiB = Number(process.env.LARGE_MIB ?? 1024);
const timeoutMs = 600_000;
const fence = { term: 1n, ringEpoch: 1n };

function peakMiB(pid: number): number {
  const [, kib] = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Math.round(Number(kib) / 1024);
}

async function writeLarge(path: string): Promise<FileBlobSource> {
  const chunk = Buffer.alloc(MiB);
  const file = await open(path, 'w');
  for (let index = 0; index < largeMiB; index += 1) {
    chunk.writeUInt32BE(index);
    await file.write(chunk);
  }
  await file.datasync(); // Its pages are not to be written while the nodes write theirs.
  await file.close();
  return FileBlobSource.fromFile(path);
}

/** The reader's hash is a part of what a read costs: the quorum reader takes it itself. */
async function hashOf({ chunks }: BlobStream): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of chunks) hash.update(chunk);
  return hash.digest('hex');
}

const folder = await mkdtemp(join(tmpdir(), 'stratum-bench-blobs-'));
const processes: ChildProcess[] = [];
const pool = new ChannelPool();
const addresses = new Map<string, string>();
for (const nodeId of ['o1', 'o2', 'o3']) {
  const child = fork(join(import.meta.dirname, 'object-process.mjs'), [join(folder, nodeId)]);
  processes.push(child);
  const [address] = (await once(child, 'message')) as [string];
  addresses.set(nodeId, address);
}
const pids = [process.pid, ...processes.map(({ pid = 0 }) => pid)];

/** Runs a job and tells its speed, and for the client and each node processor time for a MiB and the peak memory. */
async function measure(job: string, work: () => Promise<unknown>): Promise<void> {
  const before = pids.map(processorSeconds);
  const beganMs = performance.now();
  await work();
  const seconds = (performance.now() - beganMs) / 1_000;
  const rate = `${Math.round((largeMiB * MiB) / seconds / 1e6)} MB/s`;
  const used = pids.map((pid, index) => {
    const ms = ((processorSeconds(pid) - (before[index] ?? 0)) * 1_000) / largeMiB;
    return `${ms.toFixed(2)} ms/MiB ${peakMiB(pid)} MiB`;
  });
  console.log(`${job.padEnd(34)} ${rate.padStart(9)}   client ${used[0]}, nodes ${used.slice(1).join(', ')}`);
}

try {
  const source = await writeLarge(join(folder, 'large'));
  const node = new RemoteNode({ nodeId: 'o1', endpoint: addresses.get('o1') ?? '' }, { pool, clock: systemClock });
  await measure(`put ${largeMiB} MiB to one node`, () => node.put(source, fence, { timeoutMs }));
  await measure(`put ${largeMiB} MiB again`, () => node.put(source, fence, { timeoutMs }));
  await measure(`get ${largeMiB} MiB from one node`, async () => {
    const got = await hashOf(await node.get(source.oid, { offset: 0 }, { timeoutMs }));
    if (got !== source.oid) throw new Error('the blob came back wrong');
  });
  await measure(`verify ${largeMiB} MiB`, () => node.has([source.oid], true, { timeoutMs }));
  node.close();

  const sample = ringOf({ o1: 'ACTIVE', o2: 'ACTIVE', o3: 'ACTIVE' });
  const nodes = new Map(
    [...sample.nodes].map(([id, registered]) => [id, { ...registered, address: addresses.get(id) ?? '' }] as const),
  );
  const topology: Topology = { ...sample, nodes };
  const current = { current: () => topology, subscribe: () => () => undefined };
  const directory = new TopologyNodeDirectory({ topology: current, pool, clock: systemClock });
  const objects = new QuorumObjects({}, { clock: systemClock, topology: current, nodes: directory });
  // Another blob than the first, which one node has already.
  const file = await open(source.path, 'r+');
  await file.write('another');
  await file.close();
  const other = await FileBlobSource.fromFile(source.path);
  await measure(`put ${largeMiB} MiB to three nodes`, async () => {
    const { settled } = await objects.put(other, { timeoutMs });
    await settled;
  });
  await measure(`get ${largeMiB} MiB by the quorum reader`, async () => {
    let bytes = 0;
    for await (const part of (await objects.get(other.oid, undefined, { timeoutMs })).chunks) bytes += part.length;
    if (bytes !== other.size) throw new Error(`${bytes} of ${other.size} bytes came back`);
  });
  directory.close();
} finally {
  pool.close();
  for (const child of processes) {
    const ended = once(child, 'exit');
    child.disconnect();
    await ended;
  }
  await rm(folder, { recursive: true, force: true });
}
