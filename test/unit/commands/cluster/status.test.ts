import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../../src/base/clock.ts';
import { StratumError } from '../../../../src/base/errors.ts';
import { systemRandom } from '../../../../src/base/random.ts';
import { ContextStore } from '../../../../src/cli/contexts.ts';
import { ClusterHost } from '../../../../src/cli/local-cluster/cluster-host.ts';
import { FakeCluster } from '../../cli/fake-cluster.ts';
import { fakeProgram, waitForFakeNodes } from '../../cli/local-cluster/fake-program.ts';
import { runCommand } from '../../cli/run-command.ts';

let folder: string;
let dataDir: string;
let host: ClusterHost | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'stratum-cluster-status-'));
  dataDir = join(folder, 'data');
});
afterEach(async () => {
  await host?.stop();
  await host?.close();
  host = undefined;
  rmSync(folder, { recursive: true });
});

async function start(): Promise<ClusterHost> {
  host = await ClusterHost.open(
    {
      wish: { name: 'ci', objects: 3, metadata: 1, frontends: 1, gitPort: 0 },
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

const status = (argv: string[], cluster = new FakeCluster()) =>
  runCommand(['cluster', 'status', ...argv], {
    connect: cluster.connect,
    env: { STRATUM_CONFIG_DIR: join(folder, 'config'), HOME: folder },
  });

describe('stratum cluster status', () => {
  it('lists every process with its address, the Git URL and what the cluster believes of it', async () => {
    await start();
    const { exitCode, stdout } = await status(['--data-dir', dataDir, '-o', 'json']);
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      kind: 'ClusterStatus',
      name: 'ci',
      health: 'healthy',
      supervisorPid: process.pid,
      items: [
        { id: 'coordinator-1', role: 'coordinator', state: 'running', exit: null, nodeState: 'ACTIVE' },
        { id: 'object-1', pid: expect.any(Number), address: expect.stringMatching(/^127\.0\.0\.1:\d+$/) },
        { id: 'object-2', dataDir: join(dataDir, 'object-2') },
        { id: 'object-3' },
        { id: 'metadata-1' },
        { id: 'frontend-1', gitUrl: expect.stringMatching(/^http:/) },
      ],
      unreachable: [],
    });
  });

  it('prints the Git URLs with --field', async () => {
    const { processes } = (await start()).status();
    const { stdout } = await status(['--data-dir', dataDir, '--field', 'gitUrl']);
    expect(stdout).toBe(`${processes.at(-1)?.httpUrl}\n`);
  });

  it('finds the cluster of the current context', async () => {
    await start();
    const store = new ContextStore({ folder: join(folder, 'config') });
    await store.set({ name: 'ci', coordinators: ['x:1'], dataDir }, { makeCurrent: true });
    expect(await status([])).toMatchObject({ exitCode: 0, stderr: 'ci is healthy\n' });
  });

  it('ends with 5 when a node died, and tells how', async () => {
    const { processes } = (await start()).status();
    process.kill(processes[2]?.pid ?? 0, 'SIGKILL');
    while (host?.status().processes[2]?.state === 'running') await Promise.resolve(setImmediateTurn());
    const { exitCode, stdout, stderr } = await status(['--data-dir', dataDir]);
    expect(exitCode).toBe(5);
    expect(stdout).toContain('object-2\tSIGKILL\tACTIVE\t');
    expect(stderr).toContain('warning: object-2 does not run');
  });

  it('ends with 7 when no coordinator answers, and lists it as unreachable', async () => {
    await start();
    const cluster = new FakeCluster();
    cluster.error = new StratumError('UNREACHABLE', 'refused', { endpoint: 'x:1' });
    const { exitCode, stdout } = await status(['--data-dir', dataDir, '-o', 'json'], cluster);
    expect(exitCode).toBe(7);
    expect(JSON.parse(stdout)).toMatchObject({ health: 'unknown', source: null, unreachable: [{ reason: 'refused' }] });
  });

  it('shows a stopped cluster as its file describes it, and ends with 7', async () => {
    await start();
    await host?.stop();
    await host?.close();
    const { exitCode, stdout, stderr } = await status(['--data-dir', dataDir, '-o', 'json']);
    expect(exitCode).toBe(7);
    expect((JSON.parse(stdout) as { items: { state: string }[] }).items.map(({ state }) => state)).toEqual(
      new Array(6).fill('exited'),
    );
    expect(stderr).toContain('does not run');
    host = undefined;
  });

  it('ends with 7 where there is no cluster', async () => {
    expect(await status(['--name', 'nope'])).toMatchObject({
      exitCode: 7,
      stdout: '',
      stderr: expect.stringMatching(/no cluster "nope"[\s\S]*stratum cluster up/),
    });
  });
});

/** One turn of the event loop, in which the child's end can be heard. */
function setImmediateTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
