import { readdirSync, readFileSync } from 'node:fs';
import { mkdir, open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hasCode, StratumError } from '../../src/base/errors.ts';
import { type Oid, oidOf } from '../../src/base/oid.ts';
import { KiB, MiB } from '../../src/base/units.ts';
import { MemoryBlobSource } from '../../src/replication/memory-blob-source.ts';
import { newContent, readWhole, smallBlob } from './blob-contents.ts';
import { GitClient } from './git-client.ts';
import type { ObjectClient } from './object-client.ts';
import { ObjectCluster } from './object-cluster.ts';
import { until } from './until.ts';

const callTimeoutMs = 5_000;
const startTimeoutMs = 20_000;
const healTimeoutMs = 30_000;

/** Each push brings a pack, its index and its reverse index. */
const pushes = 18;
const pushedBlobsMin = 50;

/** Bytes that tell where a content lies in a file. */
const traceBytes = 32;

describe('a node that lacks what it should have', () => {
  let cluster: ObjectCluster;
  let client: ObjectClient;
  beforeAll(async () => {
    cluster = await ObjectCluster.start({ git: true });
    client = await cluster.connect();
  });
  afterAll(() => cluster?.remove());

  const reader = (nodeId: string) => client.nodes.reader(nodeId) ?? expect.unreachable();

  const presences = async (nodeId: string, oids: readonly Oid[]): Promise<readonly string[]> => {
    const reports = await reader(nodeId).has(oids, true, { timeoutMs: callTimeoutMs });
    return reports.map(({ presence }) => presence);
  };

  const listed = (nodeId: string) => client.listBlobs(cluster.link(nodeId).address);

  const startAgain = async (nodeId: string) => {
    cluster.process(nodeId).start();
    await until(`${nodeId} answers`, startTimeoutMs, (tell) =>
      reader(nodeId)
        .has([], false, { timeoutMs: callTimeoutMs })
        .catch((error: Error) => tell(error.message)),
    );
  };

  it('serves no flipped bit of its disk, and is healed of it by readers and by `object verify`', async () => {
    const large = [newContent(8 * MiB), newContent(300 * KiB), newContent(300 * KiB)];
    const small = Array.from({ length: 24 }, () => newContent(4 * KiB));
    const all = [...large, ...small];
    const oids = all.map(oidOf);
    const atAll = { level: 'ALL' } as const;
    for (const content of large) await client.objects.put(new MemoryBlobSource(content), atAll);
    const { fates } = await client.objects.putMany(small.map(smallBlob), atAll);
    expect(fates.filter((fate) => fate instanceof StratumError)).toEqual([]);

    const process_ = cluster.process('o1');
    process.kill(process_.pid, 'SIGTERM');
    expect(await process_.ended(startTimeoutMs)).toBe(0);
    const flipped = await flipBits(join(process_.dataDir, 'object'), all);
    expect(flipped).toEqual(all.map(() => true));
    await startAgain('o1');

    // Half of them are met by readers of the node itself, which get no wrong byte for a right one.
    const half = all.filter((_, index) => index % 2 === 0);
    const served = await reader('o1').getMany(half.filter(({ length }) => length <= 4 * KiB).map(oidOf), {
      timeoutMs: callTimeoutMs,
    });
    expect(served.filter(({ presence }) => presence === 'PRESENT')).toEqual([]);
    for (const content of half) {
      const whole = reader('o1').get(oidOf(content), { offset: 0 }, { timeoutMs: callTimeoutMs }).then(readWhole);
      const error: unknown = await whole.then(
        () => 'served',
        (reason: unknown) => reason,
      );
      const isRefused = hasCode(error, 'CHECKSUM_MISMATCH') || hasCode(error, 'BLOB_NOT_FOUND');
      expect(isRefused, String(error)).toBe(true);
    }
    // Whoever reads at the quorum does not notice.
    for (const content of all) {
      const read = await readWhole(await client.objects.get(oidOf(content), undefined, { timeoutMs: callTimeoutMs }));
      expect(read.equals(content)).toBe(true);
    }

    const ids = oids.join('\n');
    const found = await cluster.command(['object', 'verify', '--stdin', '--dry-run', '-o', 'json'], ids);
    expect(found.code, found.stderr).toBe(5);
    const healed = await cluster.command(['object', 'verify', '--stdin', '-o', 'json'], ids);
    expect(healed.code, healed.stdout + healed.stderr).toBe(0);
    for (const id of cluster.objectIds) expect(await presences(id, oids)).toEqual(oids.map(() => 'PRESENT'));
    for (const content of all) {
      const copy = await readWhole(await reader('o1').get(oidOf(content), { offset: 0 }, { timeoutMs: callTimeoutMs }));
      expect(copy.equals(content)).toBe(true);
    }
  });

  it('has the blobs of pushes that it missed within seconds of its return, from hints that outlive the writer', async () => {
    const before = new Set(await listed('o2'));
    await cluster.process('o1').kill();
    const folder = join(cluster.folder, 'work');
    await mkdir(folder);
    const git = new GitClient(folder);
    await git.git('init', '--quiet', '--initial-branch=main');
    for (let push = 1; push <= pushes; push += 1) {
      await writeFile(join(folder, `${push}.txt`), `${push}\n`);
      await git.commit(`Add ${push}`);
      await git.git('push', '--quiet', `${cluster.gitUrl}/team/app`, 'main');
    }
    const missed = (await listed('o2')).filter((oid) => !before.has(oid));
    expect(missed.length).toBeGreaterThanOrEqual(pushedBlobsMin);

    const frontend = cluster.process('f1');
    process.kill(frontend.pid, 'SIGTERM');
    expect(await frontend.ended(startTimeoutMs)).toBe(0);
    frontend.start();
    await startAgain('o1');
    await until('every missed blob is on o1', healTimeoutMs, async (tell) => {
      const lacking = (await presences('o1', missed)).filter((presence) => presence !== 'PRESENT');
      tell(`${lacking.length} of ${missed.length} are not`);
      return lacking.length === 0 ? true : undefined;
    });
  });
});

/** Flips a bit in the middle of every content, wherever below the folder it lies; tells for each whether it was found. */
async function flipBits(folder: string, contents: readonly Buffer[]): Promise<readonly boolean[]> {
  const found = contents.map(() => false);
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  for (const { parentPath, name } of files) {
    const path = join(parentPath, name);
    const bytes = readFileSync(path);
    const file = await open(path, 'r+');
    for (const [index, content] of contents.entries()) {
      const from = Math.floor(content.length / (2 * 64 * KiB)) * 64 * KiB || content.length / 2;
      const trace = content.subarray(from, from + traceBytes);
      for (let at = bytes.indexOf(trace); at >= 0; at = bytes.indexOf(trace, at + 1)) {
        found[index] = true;
        await file.write(Buffer.of((bytes[at] ?? 0) ^ 1), 0, 1, at);
      }
    }
    await file.close();
  }
  return found;
}
