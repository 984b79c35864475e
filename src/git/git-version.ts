import { StratumError } from '../base/errors.ts';
import type { GitRunner } from './git-runner.ts';

/** The oldest git that is relied on: 2.38 honours safe.directory given with -c. */
export const gitVersionMin = { major: 2, minor: 38 } as const;

/** The version of the git binary, "2.39.5"; GIT_FAILED with what to do when it is missing or too old. */
export async function probeGitVersion(runner: GitRunner, signal?: AbortSignal): Promise<string> {
  const output = (await runner.run({ args: ['--version'], signal })).toString('utf8').trim();
  const found = /^git version ((\d+)\.(\d+)\S*)/.exec(output);
  const [major, minor] = [Number(found?.[2]), Number(found?.[3])];
  const { major: majorMin, minor: minorMin } = gitVersionMin;
  if (found?.[1] !== undefined && (major > majorMin || (major === majorMin && minor >= minorMin))) return found[1];
  throw new StratumError('GIT_FAILED', `git is too old: found '${output}'`, undefined, {
    hint: `Install git ${majorMin}.${minorMin} or later, or put it first on the PATH of this process.`,
  });
}
