import { hasCode } from '../../base/errors.ts';
import type { GitRunner } from '../../git/git-runner.ts';
import { type GitQuestion, questionTimeoutMs } from './git-question.ts';

/** Walks to find whom to blame; ids that are left when they are used up count as broken together. */
const walksMax = 200;

/**
 * The ids from which something is missing: of all that can be reached from them and not from the
 * existing refs, every object must be there. One walk when all is well; else the halves are
 * walked again until the broken ids stand alone.
 */
export async function findDisconnected(
  runner: GitRunner,
  objectIds: readonly string[],
  question: GitQuestion,
): Promise<Set<string>> {
  const broken = new Set<string>();
  let walks = 0;
  const search = async (ids: readonly string[]): Promise<void> => {
    walks += 1;
    if (ids.length === 0 || (await isConnected(runner, ids, question))) return;
    if (ids.length === 1 || walks >= walksMax) {
      for (const id of ids) broken.add(id);
      return;
    }
    const half = ids.length >>> 1;
    await search(ids.slice(0, half));
    await search(ids.slice(half));
  };
  await search([...new Set(objectIds)]);
  return broken;
}

async function isConnected(
  runner: GitRunner,
  objectIds: readonly string[],
  { gitDir, signal, fairKey }: GitQuestion,
): Promise<boolean> {
  const args = ['rev-list', '--objects', '--stdin', '--not', '--all', '--quiet'];
  try {
    const bounds = { signal, fairKey, timeoutMs: questionTimeoutMs };
    await runner.run({ args, gitDir, ...bounds, input: objectIds.map((id) => Buffer.from(`${id}\n`)) });
    return true;
  } catch (error) {
    if (hasCode(error, 'GIT_FAILED')) return false;
    throw error;
  }
}
