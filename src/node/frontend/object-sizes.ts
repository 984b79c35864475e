import { StratumError } from '../../base/errors.ts';
import { MiB } from '../../base/units.ts';
import type { GitRunner } from '../../git/git-runner.ts';
import { type GitQuestion, questionTimeoutMs } from './git-question.ts';

/** The bytes of each object's content; an id that the repository does not have is left out. */
export async function readObjectSizes(
  runner: GitRunner,
  objectIds: readonly string[],
  question: GitQuestion,
): Promise<Map<string, number>> {
  const ids = [...new Set(objectIds)];
  if (ids.length === 0) return new Map();
  const output = await runner.run({
    args: ['cat-file', '--batch-check=%(objectsize)', '--buffer'],
    gitDir: question.gitDir,
    signal: question.signal,
    fairKey: question.fairKey,
    timeoutMs: questionTimeoutMs,
    input: ids.map((id) => Buffer.from(`${id}\n`)),
    outputBytesMax: 64 * MiB,
  });
  const lines = output.toString('latin1').split('\n');
  const sizes = new Map<string, number>();
  for (const [at, id] of ids.entries()) {
    const line = lines[at] ?? '';
    if (line === `${id} missing`) continue;
    if (!/^\d{1,15}$/.test(line)) {
      throw new StratumError('GIT_FAILED', `git cat-file answered '${line.slice(0, 100)}' for ${id}`);
    }
    sizes.set(id, Number(line));
  }
  return sizes;
}
