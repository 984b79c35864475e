import { describe, expect, it } from 'vitest';
import { runCommand } from '../cli/run-command.ts';

describe('stratum complete', () => {
  it('prints a candidate a line with its description behind a tab', async () => {
    const { exitCode, stdout } = await runCommand(['complete', '--', 'ring', 'l']);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^locate\tShow which nodes .*\n$/);
  });

  it('leaves paths to the shell', async () => {
    expect((await runCommand(['complete', '--', 'object', 'put', ''])).stdout).toBe(':files\n');
  });

  it('completes what looks like its own flags', async () => {
    expect((await runCommand(['complete', '--', 'repo', 'list', '--pre'])).stdout).toMatch(/^--prefix\t/);
  });
});
