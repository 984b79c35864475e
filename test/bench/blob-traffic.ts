import { fork } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../src/base/clock.ts';
import { type Oid, oidOf, oidToBytes } from '../../src/base/oid.ts';
import { KiB, MiB } from '../../src/base/units.ts';
import { FileBlobSource } from '../../src/replication/file-blob-source.ts';
import { RemoteNode } from '../../src/replication/remote/remote-node.ts';
import { callDuplex } from '../../src/rpc/call.ts';
import { ChannelPool } from '../../src/rpc/channel-pool.ts';
import { ObjectServiceClient } from '../../src/rpc/gen/stratum/v1/object.ts';

const largeMiB = Number(process.env.LARGE_MIB ?? 1024);
const smallCount = Number(process.env.SMALL_COUNT ?? 20_000);
const smallBytes = 4 * KiB;
const smallPerMessage = 64;
const timeoutMs = 600_000;
const fence = { term: 1n, ringEpoch: 1n };

function residentMiB(pid: number, field: 'VmHWM' | 'VmRSS' | 'RssFile'): number {
  const [, kib] = new RegExp(`${field}:\\s+(\\d+)`).exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Math.round(Number(kib) / 1024);
}

async function seconds(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}

async function writeLarge(path: string): Promise<void> {
  const chunk = Buffer.alloc(MiB);
  const file = await open(path, 'w');
  for (let index = 0; index < largeMiB; index += 1) {
    chunk.writeUInt32BE(index);
    await file.write(chunk);
  }
  await file.close();
}

const folder = await mkdtemp(join(tmpdir(), 'stratum-bench-blobs-'));
const child = fork(join(import.meta.dirname, 'object-process.mjs'), [join(folder, 'object')]);
const pool = new ChannelPool();
try {
  const [endpoint] = (await once(child, 'message')) as [string];
  const serverPid = child.pid ?? 0;
  const node = new RemoteNode({ nodeId: 'object-1', endpoint }, { pool, clock: systemClock });
  const tell = (job: string, took: number, rate: string) =>
    console.log(
      `${job.padEnd(28)} ${took.toFixed(2)} s  ${rate.padEnd(14)} server ${residentMiB(serverPid, 'VmRSS')} MiB (peak ${residentMiB(serverPid, 'VmHWM')}, of files ${residentMiB(serverPid, 'RssFile')}), client ${residentMiB(process.pid, 'VmRSS')} MiB (peak ${residentMiB(process.pid, 'VmHWM')})`,
    );
  tell('at the start', 0, '');

  const path = join(folder, 'large');
  await writeLarge(path);
  const source = await FileBlobSource.fromFile(path);
  const mbOf = (took: number) => `${Math.round(source.size / took / 1e6)} MB/s`;
  const put = await seconds(() => node.put(source, fence, { timeoutMs }));
  tell(`put ${largeMiB} MiB`, put, mbOf(put));
  const renewed = await seconds(() => node.put(source, fence, { timeoutMs }));
  tell(`put ${largeMiB} MiB again`, renewed, mbOf(renewed));
  const got = await seconds(async () => {
    const hash = createHash('sha256');
    for await (const chunk of (await node.get(source.oid, { offset: 0 }, { timeoutMs })).chunks) hash.update(chunk);
    if (hash.digest('hex') !== source.oid) throw new Error('the blob came back wrong');
  });
  tell(`get ${largeMiB} MiB`, got, mbOf(got));
  const verified = await seconds(() => node.has([source.oid], true, { timeoutMs }));
  tell(`verify ${largeMiB} MiB`, verified, mbOf(verified));

  const client = pool.client(ObjectServiceClient, endpoint);
  const target = { endpoint, timeoutMs, clock: systemClock };
  const contents = Array.from({ length: smallCount }, (_, index) => Buffer.alloc(smallBytes, `${index}-`));
  const oids: Oid[] = contents.map((content) => oidOf(content));
  const groups = async function* () {
    for (let from = 0; from < smallCount; from += smallPerMessage) {
      const blobs = contents.slice(from, from + smallPerMessage);
      yield { fence, blobs: blobs.map((content) => ({ oid: oidToBytes(oidOf(content)), content })) };
    }
  };
  const perSecond = (took: number) => `${Math.round(smallCount / took)} a second`;
  const batched = await seconds(async () => {
    for await (const _ of callDuplex(client.putBlobs.bind(client), groups(), { ...target, method: 'PutBlobs' }));
  });
  tell(`put ${smallCount} of 4 KiB, batched`, batched, perSecond(batched));
  const questions = async function* () {
    for (let from = 0; from < smallCount; from += smallPerMessage) {
      yield { oids: oids.slice(from, from + smallPerMessage).map(oidToBytes) };
    }
  };
  const read = await seconds(async () => {
    for await (const _ of callDuplex(client.getBlobs.bind(client), questions(), { ...target, method: 'GetBlobs' }));
  });
  tell(`get ${smallCount} of 4 KiB, batched`, read, perSecond(read));
} finally {
  pool.close();
  child.disconnect();
  await once(child, 'exit');
  await rm(folder, { recursive: true, force: true });
}
