// How fast the store of one object node takes and gives small blobs, in LMDB and as files, by size; fsync on unless said.

import { hash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { systemClock } from '../../src/base/clock.ts';
import type { Logger } from '../../src/base/log.ts';
import { oidOf } from '../../src/base/oid.ts';
import { systemRandom } from '../../src/base/random.ts';
import { KiB, MiB } from '../../src/base/units.ts';
import type { SmallBlob } from '../../src/store/blob-store.ts';
import { DiskBlobStore, type DiskBlobStoreOptions } from '../../src/store/disk-blob-store.ts';

const callsAtOnce = 8;
const blobsPerCall = 64;
/** How long each measurement goes on, in milliseconds; twelve of them and their preparation fit in 40 s. */
const measureMs = 1_000;
/** Blobs are made beforehand, so that making them is not measured; bytes of all of them. */
const preparedBytesMax = 192 * MiB;
const preparedCountMax = 60_000;

const silent = () => undefined;
const log: Logger = {
  debug: silent,
  info: silent,
  warn: silent,
  error: (fields) => console.error(fields),
  child: () => log,
};

interface Speed {
  readonly perSecond: number;
  readonly megabytesPerSecond: number;
  readonly cpuMicrosecondsPerBlob: number;
}

function blobsOf(bytes: number): SmallBlob[] {
  const count = Math.min(preparedCountMax, Math.floor(preparedBytesMax / bytes));
  return Array.from({ length: count }, (_, index) => {
    const content = Buffer.alloc(bytes, `${index}-`);
    return { oid: oidOf(content), content };
  });
}

/** Hands out the blobs in calls, several at once, until they or the time are used up. */
async function measure(
  blobs: readonly SmallBlob[],
  call: (group: readonly SmallBlob[]) => Promise<void>,
): Promise<Speed & { readonly count: number }> {
  const cpuBefore = process.cpuUsage();
  const startedAtMs = performance.now();
  let count = 0;
  const worker = async () => {
    while (count < blobs.length && performance.now() - startedAtMs < measureMs) {
      const group = blobs.slice(count, count + blobsPerCall);
      count += group.length;
      await call(group);
    }
  };
  await Promise.all(Array.from({ length: callsAtOnce }, worker));
  const seconds = (performance.now() - startedAtMs) / 1_000;
  const { user, system } = process.cpuUsage(cpuBefore);
  const bytes = blobs[0]?.content.length ?? 0;
  return {
    count,
    perSecond: count / seconds,
    megabytesPerSecond: (count * bytes) / seconds / 1e6,
    cpuMicrosecondsPerBlob: (user + system) / count,
  };
}

async function run(options: Partial<DiskBlobStoreOptions>, blobs: readonly SmallBlob[]) {
  const folder = await mkdtemp(join(tmpdir(), 'stratum-bench-store-'));
  const modules = { clock: systemClock, random: systemRandom, log };
  const store = await DiskBlobStore.open({ path: join(folder, 'objects'), ...options }, modules);
  try {
    const put = await measure(blobs, async (group) => {
      const fates = await store.putMany(group);
      if (!fates.every((fate) => 'existed' in fate && !fate.existed)) throw new Error('a blob was not stored');
    });
    const get = await measure(blobs.slice(0, put.count), async (group) => {
      const answers = await store.getMany(
        group.map(({ oid }) => oid),
        Number.MAX_SAFE_INTEGER,
      );
      if (!answers.every(({ presence }) => presence === 'PRESENT')) throw new Error('a blob was not given');
    });
    return { put, get };
  } finally {
    await store.close();
    await rm(folder, { recursive: true, force: true });
  }
}

function tell(what: string, { perSecond, megabytesPerSecond, cpuMicrosecondsPerBlob }: Speed, base?: Speed): void {
  const ratio = base === undefined ? '' : `${(perSecond / base.perSecond).toFixed(2)} of LMDB`;
  console.log(
    `${what.padEnd(38)} ${Math.round(perSecond).toString().padStart(8)} /s ${megabytesPerSecond.toFixed(1).padStart(8)} MB/s ${cpuMicrosecondsPerBlob.toFixed(1).padStart(7)} µs CPU a blob  ${ratio}`,
  );
}

/** What a check of 4 KiB costs, one after another on one core. */
function tellChecks(): void {
  const content = Buffer.alloc(4 * KiB, 'stratum');
  const checks = { 'CRC-32': () => crc32(content), 'SHA-256': () => hash('sha256', content, 'hex') };
  for (const [name, check] of Object.entries(checks)) {
    const rounds = 20_000;
    const before = process.cpuUsage();
    for (let round = 0; round < rounds; round += 1) check();
    console.log(`${name} of 4 KiB: ${(process.cpuUsage(before).user / rounds).toFixed(2)} µs`);
  }
}

console.log(`${callsAtOnce} calls of ${blobsPerCall} blobs at once; reads from page cache, checked`);
for (const sizeKiB of [1, 4, 16, 64]) {
  const blobs = blobsOf(sizeKiB * KiB);
  const lmdb = await run({ indexedBytesMax: MiB }, blobs);
  // A file costs some milliseconds: fewer of them fill the time.
  const files = await run({ indexedBytesMax: 0 }, blobs.slice(0, 8_192));
  tell(`putMany ${sizeKiB} KiB, LMDB`, lmdb.put);
  tell(`putMany ${sizeKiB} KiB, files`, files.put, lmdb.put);
  tell(`getMany ${sizeKiB} KiB, LMDB`, lmdb.get);
  tell(`getMany ${sizeKiB} KiB, files`, files.get, lmdb.get);
  if (sizeKiB !== 4) continue;
  const unsynced = await run({ indexedBytesMax: MiB, durability: 'quorum' }, blobs);
  tell('putMany 4 KiB, LMDB, durability quorum', unsynced.put, lmdb.put);
}
tellChecks();
