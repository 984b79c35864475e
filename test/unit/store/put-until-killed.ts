// Run as a process of its own by disk-blob-store.test.ts: puts blobs for ever and tells each id once it is acknowledged.
import { systemClock } from '../../../src/base/clock.ts';
import { StratumError } from '../../../src/base/errors.ts';
import { oidOf } from '../../../src/base/oid.ts';
import { systemRandom } from '../../../src/base/random.ts';
import { DiskBlobStore } from '../../../src/store/disk-blob-store.ts';
import type { Durability } from '../../../src/store/durability.ts';
import { recordingLog } from '../base/recording-log.ts';
import { contentOf, putContent } from './sample-blobs.ts';

async function putForEver(path: string, durability: Durability): Promise<void> {
  const modules = { clock: systemClock, random: systemRandom, log: recordingLog() };
  const store = await DiskBlobStore.open({ path, freeBytesMin: 0, durability }, modules);
  for (let seed = 0; ; seed += 1) {
    // Sizes on both sides of the threshold, several at a time, and every tenth blob is deleted again.
    const puts = [100, 5_000, 70_000, 200_000].map((bytes) => putContent(store, contentOf(bytes + seed, seed)));
    for (const { oid } of await Promise.all(puts)) process.stdout.write(`put ${oid}\n`);
    const batch = Array.from({ length: 16 }, (_, index) => contentOf(1_000 + index * 300 + seed, seed + index));
    const blobs = batch.map((content) => ({ oid: oidOf(content), content }));
    // Two calls at a time share commits; what either says is stored is told.
    const answers = await Promise.all([store.putMany(blobs.slice(0, 8)), store.putMany(blobs.slice(8))]);
    for (const [index, fate] of answers.flat().entries()) {
      if (!(fate instanceof StratumError)) process.stdout.write(`put ${blobs[index]?.oid}\n`);
    }
    const gone = contentOf(80_000 + seed, seed);
    const { oid } = await putContent(store, gone);
    await store.delete(oid);
    process.stdout.write(`deleted ${oid}\n`);
  }
}

const [, , path = '', durability] = process.argv;
void putForEver(path, durability === 'quorum' ? 'quorum' : 'disk');
