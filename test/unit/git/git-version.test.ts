import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/base/clock.ts';
import { GitRunner } from '../../../src/git/git-runner.ts';
import { probeGitVersion } from '../../../src/git/git-version.ts';

async function probe(output: string): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'git-version-'));
  try {
    const gitPath = join(folder, 'git');
    writeFileSync(gitPath, `#!/bin/sh\necho "${output}"\n`);
    chmodSync(gitPath, 0o755);
    return await probeGitVersion(new GitRunner({ processesMax: 1, queueMax: 1, gitPath }, { clock: systemClock }));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe('probeGitVersion', () => {
  it.each([
    ['git version 2.38.0', '2.38.0'],
    ['git version 2.39.5 (Apple Git-154)', '2.39.5'],
    ['git version 3.0.0-rc1', '3.0.0-rc1'],
    ['git version 2.100.1.windows.1', '2.100.1.windows.1'],
  ])('takes %s', async (output, version) => {
    expect(await probe(output)).toBe(version);
  });

  it.each(['git version 2.37.9', 'git version 1.99.0', 'something else'])('refuses %s', async (output) => {
    await expect(probe(output)).rejects.toMatchObject({
      code: 'GIT_FAILED',
      hint: expect.stringContaining('2.38 or later'),
    });
  });
});
