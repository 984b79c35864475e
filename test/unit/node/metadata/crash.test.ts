import { fork } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { bundledChild } from './bundled-child.ts';
import { sampleMetadata, temporaryFolder } from './sample-metadata.ts';
import { readStoredPartition, replayed } from './stored-log.ts';
import type { Acknowledged } from './update-until-killed.ts';

/** Runs pushers until so many pushes were acknowledged, then kills them; the last acknowledged number of each repository. */
async function pushUntilKilled(path: string, folder: string, pushers: number, acknowledgedMin: number) {
  const child = fork(await bundledChild('update-until-killed.ts', folder), [path, String(pushers)], {
    stdio: 'inherit',
  });
  const last = new Map<string, number>();
  const enough = Promise.withResolvers<void>();
  let acknowledged = 0;
  child.on('message', (message: Acknowledged) => {
    last.set(message.name, message.number);
    acknowledged += 1;
    if (acknowledged === acknowledgedMin) enough.resolve();
  });
  const exited = new Promise<NodeJS.Signals | null>((resolve) => child.on('exit', (_, signal) => resolve(signal)));
  await Promise.race([enough.promise, exited]);
  child.kill('SIGKILL');
  expect(await exited).toBe('SIGKILL');
  return last;
}

describe('a metadata node that is killed', () => {
  it.each([1, 16])('has every acknowledged push afterwards, whole, of %d pushers at once', async (pushers) => {
    const folder = await temporaryFolder();
    const path = join(folder, 'store');
    const last = await pushUntilKilled(path, folder, pushers, 300);
    const { calls, node, clock } = await sampleMetadata({ path });
    // What is applied goes to disk with the entry after it: the log gives it again, some entries a turn.
    for (let turn = 0; turn < 5; turn += 1) clock.advance(1);
    expect(last.size).toBe(pushers);
    for (const [name, number] of last) {
      const { refs, repo } = await calls.getRefs({ repo: name });
      const values = new Set(refs.map(({ objectId }) => Number.parseInt(objectId, 16)));
      expect(refs).toHaveLength(3);
      expect(values.size).toBe(1);
      // The one push that was under way may have happened or not.
      expect([number, number + 1]).toContain([...values][0]);
      expect(repo?.refsGeneration).toBe(BigInt([...values][0] ?? -1) + 1n);
    }
    await node.stop();
    for (const partition of [0, 1, 2, 3]) {
      const { entries, state } = await readStoredPartition(path, partition);
      expect(entries.map(({ index }) => index)).toEqual(entries.map((_, at) => BigInt(at + 1)));
      expect(replayed(partition, entries)).toEqual(state);
    }
  });
});
