import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { credentials } from '@grpc/grpc-js';
import { Etcd3 } from 'etcd3';
import { systemClock } from '../../src/base/clock.ts';
import { EtcdStore } from '../../src/consensus/etcd/etcd-store.ts';
import {
  CoordinatorServiceClient,
  type HeartbeatResponse,
  type RegisterNodeResponse,
  type WatchTopologyResponse,
} from '../../src/rpc/gen/stratum/v1/coordinator.ts';
import { NodeRole, ReportedState } from '../../src/rpc/gen/stratum/v1/types.ts';
import { encodeRegistration } from '../../src/rpc/topology-codec.ts';
import { startEtcd } from '../conformance/etcd-process.ts';
import { processorSeconds, residentMib } from './process-load.ts';

// The nodes' side of coordinator.ts: every node has a connection of its own, as real ones have.
const nodeCount = Number(process.env.NODES ?? 1_000);
const measureSeconds = Number(process.env.SECONDS ?? 40);
const heartbeatIntervalMs = 10_000;
const changes = 10;
const prefix = '/stratum/';
const ownConnection = { 'grpc.use_local_subchannel_pool': 1 };

type Callback<Response> = (error: Error | null, response: Response) => void;

function call<Response>(send: (callback: Callback<Response>) => unknown): Promise<Response> {
  return new Promise((settle, reject) => {
    send((error, response) => {
      if (error === null) settle(response);
      else reject(error);
    });
  });
}

/** Runs `work` for 0 to count - 1, at most 50 at once. */
async function forEach(count: number, work: (index: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < count) {
      next += 1;
      await work(next - 1);
    }
  };
  await Promise.all(Array.from({ length: 50 }, worker));
}

function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((left, right) => left - right);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

const median = (values: readonly number[]) => percentile(values, 0.5);

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const address = server.address();
  await new Promise((done) => server.close(done));
  if (typeof address !== 'object' || address === null) throw new Error('no port');
  return address.port;
}

/** Of each watcher, when it saw what; resolves when all have. */
class Arrivals {
  #waiting = 0;
  #times: number[] = [];
  #done: () => void = () => undefined;

  expect(count: number): Promise<readonly number[]> {
    this.#waiting = count;
    this.#times = [];
    const { promise, resolve: done } = Promise.withResolvers<void>();
    this.#done = done;
    return promise.then(() => this.#times);
  }

  seen(): void {
    this.#times.push(performance.now());
    this.#waiting -= 1;
    if (this.#waiting === 0) this.#done();
  }
}

interface Cost {
  /** Share of one core at rest. */
  readonly core: number;
  /** Changes of the store's revision a second at rest. */
  readonly writes: number;
  readonly residentMib: number;
  /** Milliseconds from the request until the last watcher has seen the change. */
  readonly seenByAllMs: readonly number[];
}

async function revisionOf(endpoint: string): Promise<bigint> {
  const store = new EtcdStore(
    { endpoints: [endpoint], prefix, asksMembers: true, callTimeoutMs: 5_000 },
    { clock: systemClock },
  );
  const { revision } = await store.read([{ start: 'head' }]);
  store.close();
  return revision;
}

async function atRest(pid: number, endpoint: string): Promise<{ core: number; writes: number }> {
  const [processor, revision, startMs] = [processorSeconds(pid), await revisionOf(endpoint), performance.now()];
  await systemClock.sleep(measureSeconds * 1_000);
  const seconds = (performance.now() - startMs) / 1_000;
  const writes = Number((await revisionOf(endpoint)) - revision) / seconds;
  return { core: (processorSeconds(pid) - processor) / seconds, writes };
}

/** A leader of the packed binary, on an etcd of its own. */
async function measureStratum(): Promise<Cost> {
  const etcd = await startEtcd();
  const folder = await mkdtemp(join(tmpdir(), 'stratum-bench-coordinator-'));
  const address = `127.0.0.1:${await freePort()}`;
  const binary = resolve(process.env.STRATUM_BIN ?? 'out/stratum');
  const args = ['node', 'start', '--role', 'coordinator', '--id', 'coordinator-1', '--data-dir', folder];
  const leader = spawn(binary, [...args, '--listen', address, '--etcd-endpoints', etcd.endpoint], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, STRATUM_LOG_LEVEL: process.env.STRATUM_LOG_LEVEL ?? 'error' },
  });
  const ended = once(leader, 'exit');
  const pid = leader.pid ?? 0;
  const clients: CoordinatorServiceClient[] = [];
  const timers: NodeJS.Timeout[] = [];
  try {
    const first = connect(address);
    await untilLeads(first);
    const startMs = performance.now();
    await forEach(nodeCount, async (index) => {
      const client = connect(address);
      clients.push(client);
      await register(client, `node-${index}`, 1n);
      await beat(client, `node-${index}`, ReportedState.READY);
    });
    const registerSeconds = (performance.now() - startMs) / 1_000;
    console.log(`stratum: ${nodeCount} nodes registered and ready in ${registerSeconds.toFixed(1)} s`);
    const arrivals = new Arrivals();
    const watching = arrivals.expect(nodeCount);
    for (const client of clients) watch(client, arrivals);
    await watching;
    clients.forEach((client, index) => {
      const offsetMs = (index * heartbeatIntervalMs) / nodeCount;
      const send = () => {
        // Its only failure is the end of the measurement, which closes the connections.
        beat(client, `node-${index}`, ReportedState.READY).catch(() => undefined);
      };
      const begin = () => {
        send();
        timers.push(setInterval(send, heartbeatIntervalMs));
      };
      timers.push(setTimeout(begin, offsetMs));
    });
    // The registrations' own batches are over after a heartbeat interval.
    await systemClock.sleep(heartbeatIntervalMs);
    const rest = await atRest(pid, etcd.endpoint);
    const seenByAllMs: number[] = [];
    for (let change = 0; change < changes; change += 1) {
      const all = arrivals.expect(nodeCount);
      const sentMs = performance.now();
      await register(first, `late-${change}`, 1n);
      seenByAllMs.push(Math.max(...(await all)) - sentMs);
    }
    return { ...rest, residentMib: residentMib(pid), seenByAllMs };
  } finally {
    for (const timer of timers) clearInterval(timer);
    for (const client of clients) client.close();
    leader.kill('SIGTERM');
    await ended;
    await etcd.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

function connect(address: string): CoordinatorServiceClient {
  return new CoordinatorServiceClient(address, credentials.createInsecure(), ownConnection);
}

async function untilLeads(client: CoordinatorServiceClient): Promise<void> {
  for (;;) {
    try {
      const { isLeader } = await call<{ isLeader: boolean }>((callback) => client.getLeader({}, callback));
      if (isLeader) return;
    } catch {
      // It is starting.
    }
    await systemClock.sleep(100);
  }
}

function register(client: CoordinatorServiceClient, id: string, generationId: bigint): Promise<RegisterNodeResponse> {
  const node = {
    ...encodeRegistration({
      id,
      generationId,
      roles: ['frontend'],
      address: '10.0.0.1:7480',
      httpUrl: 'http://10.0.0.1:8480',
      labels: { zone: `zone-${id.length % 3}`, rack: id },
      weight: 100,
      diskId: `disk-of-${id}`,
      softwareVersion: '0.1.0',
      capacityBytes: 1n << 40n,
    }),
    roles: [NodeRole.FRONTEND],
  };
  return call((callback) => client.registerNode({ node, afterCleanStop: true }, callback));
}

function beat(client: CoordinatorServiceClient, nodeId: string, reportedState: ReportedState) {
  const request = { nodeId, generationId: 1n, knownVersion: 0n, reportedState, stats: undefined, silentPrimaries: [] };
  return call<HeartbeatResponse>((callback) => client.heartbeat(request, callback));
}

/** Tells of the first event, and then of every update. */
function watch(client: CoordinatorServiceClient, arrivals: Arrivals): void {
  const stream = client.watchTopology({ sinceVersion: 0n });
  stream.on('data', ({ event }: WatchTopologyResponse) => {
    if (event?.$case === 'fullSync' || event?.$case === 'update') arrivals.seen();
  });
  stream.on('error', () => undefined); // Its end is the end of the measurement.
}

/** The same by etcd alone: a lease for each node, renewed as often, and a watch for each. */
async function measureEtcd(): Promise<Cost> {
  const etcd = await startEtcd();
  const clients: Etcd3[] = [];
  const timers: NodeJS.Timeout[] = [];
  try {
    const arrivals = new Arrivals();
    await forEach(nodeCount, async (index) => {
      const client = new Etcd3({ hosts: etcd.endpoint, grpcOptions: ownConnection });
      clients.push(client);
      const lease = client.lease(30, { autoKeepAlive: false });
      await lease.put(`${prefix}nodes/${index}`).value('node');
      const renew = () => void lease.keepaliveOnce().catch(() => undefined);
      const offsetMs = (index * heartbeatIntervalMs) / nodeCount;
      timers.push(setTimeout(() => timers.push(setInterval(renew, heartbeatIntervalMs)), offsetMs));
      const watcher = await client.watch().prefix(`${prefix}changes/`).create();
      watcher.on('put', () => arrivals.seen());
    });
    await systemClock.sleep(heartbeatIntervalMs);
    const rest = await atRest(etcd.pid, etcd.endpoint);
    const seenByAllMs: number[] = [];
    const [first] = clients;
    for (let change = 0; change < changes; change += 1) {
      const all = arrivals.expect(nodeCount);
      const sentMs = performance.now();
      await first?.put(`${prefix}changes/${change}`).value('x'.repeat(300));
      seenByAllMs.push(Math.max(...(await all)) - sentMs);
    }
    return { ...rest, residentMib: residentMib(etcd.pid), seenByAllMs };
  } finally {
    for (const timer of timers) clearInterval(timer);
    for (const client of clients) client.close();
    await etcd.stop();
  }
}

function line(name: string, { core, writes, residentMib: memory, seenByAllMs }: Cost): string {
  const share = `${(core * 100).toFixed(1)} % of a core`;
  const seen = `median ${median(seenByAllMs).toFixed(0)} ms, worst ${Math.max(...seenByAllMs).toFixed(0)} ms`;
  return `${name}: at rest ${share}, ${writes.toFixed(2)} store writes a second, ${memory.toFixed(0)} MiB; a change seen by all ${nodeCount} watchers after ${seen}`;
}

const stratum = await measureStratum();
console.log(line('stratum leader', stratum));
const peer = await measureEtcd();
console.log(line('etcd alone', peer));
const ratio = (ours: number, theirs: number) => (ours / theirs).toFixed(2);
console.log(
  `ratio to etcd alone: processor ${ratio(stratum.core, peer.core)}, change seen by all ${ratio(median(stratum.seenByAllMs), median(peer.seenByAllMs))}`,
);
process.exit(0);
