import { StratumError } from '../../base/errors.ts';
import { MiB } from '../../base/units.ts';
import type { GitRunner } from '../../git/git-runner.ts';
import { type GitQuestion, questionTimeoutMs } from './git-question.ts';

/** What git says of an object. */
export interface ObjectFacts {
  readonly type: 'commit' | 'tree' | 'blob' | 'tag';
  /** For an annotated tag: the object that it leads to; otherwise empty. */
  readonly peeledId: string;
}

/** Types and peeled ids of objects; an id that the repository does not have is left out. */
export async function readObjectFacts(
  runner: GitRunner,
  objectIds: readonly string[],
  question: GitQuestion,
): Promise<Map<string, ObjectFacts>> {
  const ids = [...new Set(objectIds)];
  if (ids.length === 0) return new Map();
  const output = await runner.run({
    args: ['cat-file', '--batch-check=%(objectname) %(objecttype)', '--buffer'],
    gitDir: question.gitDir,
    signal: question.signal,
    fairKey: question.fairKey,
    timeoutMs: questionTimeoutMs,
    input: ids.map((id) => Buffer.from(`${id}\n${id}^{}\n`)),
    outputBytesMax: 64 * MiB,
  });
  const lines = output.toString('latin1').split('\n');
  const facts = new Map<string, ObjectFacts>();
  for (const [at, id] of ids.entries()) {
    const type = lines[2 * at]?.split(' ')[1];
    const peeledId = lines[2 * at + 1]?.split(' ')[0] ?? '';
    if (type === 'missing') continue;
    if (type !== 'commit' && type !== 'tree' && type !== 'blob' && type !== 'tag') {
      throw new StratumError('GIT_FAILED', `git cat-file answered '${lines[2 * at]?.slice(0, 100)}' for ${id}`);
    }
    facts.set(id, { type, peeledId: type === 'tag' ? peeledId : '' });
  }
  return facts;
}
