import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../../../src/base/clock.ts';
import { GitRunner } from '../../../../src/git/git-runner.ts';
import { createBareRepository } from '../../../../src/node/frontend/bare-repository.ts';
import { makeWork } from './frontend-fixture.ts';

/** A working copy to take objects from, an empty bare repository to check them in, and a git runner. */
export async function prepareChecks() {
  const folder = mkdtempSync(join(tmpdir(), 'checks-'));
  const work = await makeWork(folder, 3);
  const bare = join(folder, 'bare.git');
  await createBareRepository(bare, 'sha1');
  const git = new GitRunner({ processesMax: 2, queueMax: 10 }, { clock: systemClock });
  const question = { gitDir: bare, fairKey: 'r', signal: new AbortController().signal };
  return { work, bare, git, question, remove: () => rmSync(folder, { recursive: true }) };
}

export async function* inChunks(bytes: Buffer, chunkBytes = 100): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += chunkBytes) yield bytes.subarray(at, at + chunkBytes);
}
