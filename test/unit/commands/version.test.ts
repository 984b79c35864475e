import { describe, expect, it } from 'vitest';
import packageJson from '../../../package.json' with { type: 'json' };
import { runCommand } from '../cli/run-command.ts';

describe('stratum version', () => {
  it('prints one row for a pipe and a table for a terminal', async () => {
    expect(await runCommand(['version'])).toMatchObject({ exitCode: 0, stdout: `stratum\t${packageJson.version}\n` });
    const { stdout } = await runCommand(['version'], { terminal: true });
    expect(stdout).toMatch(/^NAME +VERSION\nstratum +\d/);
  });

  it('prints the contract’s envelope with -o json', async () => {
    const { stdout } = await runCommand(['version', '-o', 'json']);
    expect(JSON.parse(stdout)).toEqual({
      apiVersion: 'stratum/v1',
      kind: 'Version',
      asOf: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      source: null,
      items: [expect.objectContaining({ version: packageJson.version, node: process.versions.node })],
      unreachable: [],
    });
  });

  it('is what --version says, of the program', async () => {
    expect(await runCommand(['--version'])).toMatchObject({ exitCode: 0, stdout: 'stratum 1.2.3\n' });
  });
});
