// Run as a process of its own by disk-blob-store.test.ts: puts blobs for ever and tells each id once it is acknowledged.
import { systemClock } from '../../../src/base/clock.ts';
import { systemRandom } from '../../../src/base/random.ts';
import { DiskBlobStore } from '../../../src/store/disk-blob-store.ts';
import { recordingLog } from '../base/recording-log.ts';
import { contentOf, putContent } from './sample-blobs.ts';

async function putForEver(path: string): Promise<void> {
  const modules = { clock: systemClock, random: systemRandom, log: recordingLog() };
  const store = await DiskBlobStore.open({ path, freeBytesMin: 0 }, modules);
  for (let seed = 0; ; seed += 1) {
    // Sizes on both sides of the threshold, several at a time, and every tenth blob is deleted again.
    const puts = [100, 5_000, 70_000, 200_000].map((bytes) => putContent(store, contentOf(bytes + seed, seed)));
    for (const { oid } of await Promise.all(puts)) process.stdout.write(`put ${oid}\n`);
    const gone = contentOf(80_000 + seed, seed);
    const { oid } = await putContent(store, gone);
    await store.delete(oid);
    process.stdout.write(`deleted ${oid}\n`);
  }
}

void putForEver(process.argv[2] ?? '');
