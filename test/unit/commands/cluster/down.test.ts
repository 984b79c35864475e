import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../../src/base/clock.ts';
import { systemRandom } from '../../../../src/base/random.ts';
import { ClusterHost } from '../../../../src/cli/local-cluster/cluster-host.ts';
import { fakeProgram, waitForFakeNodes } from '../../cli/local-cluster/fake-program.ts';
import { runCommand } from '../../cli/run-command.ts';

let folder: string;
let dataDir: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'stratum-cluster-down-'));
  dataDir = join(folder, 'data');
});
afterEach(() => rmSync(folder, { recursive: true }));

const down = (...argv: string[]) =>
  runCommand(['cluster', 'down', '--data-dir', dataDir, ...argv], {
    env: { STRATUM_CONFIG_DIR: join(folder, 'config'), HOME: folder },
  });

async function start(): Promise<ClusterHost> {
  const host = await ClusterHost.open(
    {
      wish: { name: 'ci', objects: 1, metadata: 1, frontends: 1, gitPort: 0 },
      folder: dataDir,
      command: fakeProgram,
      env: { PATH: process.env.PATH },
      timeoutMs: 20_000,
    },
    { clock: systemClock, random: systemRandom, onEvent: () => undefined, waitUntilReady: waitForFakeNodes },
  );
  await host.bringUp();
  return host;
}

describe('stratum cluster down', () => {
  it('is no error when nothing runs', async () => {
    const { exitCode, stdout, stderr } = await down();
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: '' });
    expect(stderr).toContain('nothing to do');
  });

  it('has every node stopped and says so; it waits for the supervisor no longer than it was told', async () => {
    // The supervisor is this very process, which does not end.
    const host = await start();
    const { exitCode, stderr } = await down('--timeout', '2s');
    expect(exitCode).toBe(124);
    for (const id of ['frontend-1', 'metadata-1', 'object-1', 'coordinator-1'])
      expect(stderr).toContain(`stopped ${id}`);
    expect(stderr).toContain('has not ended after 2000 ms');
    expect(host.status().processes.every(({ state }) => state === 'exited')).toBe(true);
    await host.close();
  });

  it('stops nothing in a dry run', async () => {
    const host = await start();
    expect(await down('--dry-run')).toMatchObject({ exitCode: 0, stderr: expect.stringContaining('would stop') });
    expect(host.status().processes.every(({ state }) => state === 'running')).toBe(true);
    await host.stop();
    await host.close();
  });

  it('refuses a bad time-out', async () => {
    expect(await down('--timeout', 'x')).toMatchObject({ exitCode: 2 });
  });
});
