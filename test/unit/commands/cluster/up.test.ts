import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { StratumError } from '../../../../src/base/errors.ts';
import { ContextStore } from '../../../../src/cli/contexts.ts';
import type { EndingSignal } from '../../../../src/cli/process-signals.ts';
import { FakeCluster } from '../../cli/fake-cluster.ts';
import { fakeProgram, waitForFakeNodes } from '../../cli/local-cluster/fake-program.ts';
import { type CommandWorld, runCommand } from '../../cli/run-command.ts';

let folder: string;
let dataDir: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'stratum-cluster-up-'));
  dataDir = join(folder, 'data');
});
afterEach(() => rmSync(folder, { recursive: true }));

const small = ['--objects', '1', '--metadata', '1', '--git-port', '0'];
const up = (argv: string[], world: CommandWorld = {}) =>
  runCommand(['cluster', 'up', '--data-dir', dataDir, ...argv], {
    connect: new FakeCluster().connect,
    selfCommand: () => fakeProgram,
    waitUntilReady: waitForFakeNodes,
    ...world,
    env: { STRATUM_CONFIG_DIR: join(folder, 'config'), PATH: process.env.PATH ?? '' },
  });

/** Runs `cluster up` in the foreground; the signal comes when the cluster serves. */
async function upUntil(signal: EndingSignal, argv: string[] = []) {
  let send: ((signal: EndingSignal) => void) | undefined;
  return up([...small, ...argv], {
    onSignals: (sender) => {
      send = sender;
    },
    // Shown once it serves: the cluster's own topology is then asked for.
    connect: async () => {
      send?.(signal);
      return new FakeCluster();
    },
  });
}

describe('stratum cluster up in the foreground', () => {
  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('serves until %s, stops every node, and ends with %i', async (signal, exit) => {
    const { exitCode, stderr } = await upUntil(signal);
    expect(exitCode).toBe(exit);
    expect(stderr).toMatch(/coordinator-1 started/);
    expect(stderr).toMatch(/stopping\n(.*\n)*coordinator-1 ended with exit code 0/);
    expect(existsSync(join(dataDir, 'supervisor.json'))).toBe(false);
  });

  it('makes the context of its name the current one, and shows every process with the Git URL', async () => {
    const { stdout } = await upUntil('SIGINT', ['--name', 'ci', '-o', 'json']);
    const shown = JSON.parse(stdout) as { items: { id: string; gitUrl?: string }[] };
    expect(shown).toMatchObject({ kind: 'ClusterStatus', name: 'ci', dataDir, supervisorPid: process.pid });
    const gitUrl = shown.items.find(({ id }) => id === 'frontend-1')?.gitUrl;
    expect(gitUrl).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect(await new ContextStore({ folder: join(folder, 'config') }).read()).toMatchObject({
      current: 'ci',
      contexts: [{ name: 'ci', coordinators: [expect.stringMatching(/^127\.0\.0\.1:/)], gitUrls: [gitUrl], dataDir }],
    });
  });

  it('keeps ports and name across restarts', async () => {
    const read = () => readFileSync(join(dataDir, 'cluster.json'), 'utf8');
    await upUntil('SIGINT', ['--name', 'ci']);
    const before = read();
    await upUntil('SIGINT');
    expect(read()).toBe(before);
  });

  it('ends with the exit code of the node that could not start, and leaves nothing running', async () => {
    mkdirSync(join(dataDir, 'nodes'), { recursive: true });
    writeFileSync(join(dataDir, 'nodes', 'behaviour.json'), '{"object-1":"refuse"}');
    const { exitCode, stdout, stderr } = await up(small);
    expect({ exitCode, stdout }).toEqual({ exitCode: 8, stdout: '' });
    expect(stderr).toContain('stratum: object-1: another process uses it');
    expect(existsSync(join(dataDir, 'supervisor.json'))).toBe(false);
  });
});

describe('stratum cluster up --detach', () => {
  const report = (content: object) => {
    mkdirSync(join(dataDir, 'nodes'), { recursive: true });
    writeFileSync(join(dataDir, 'nodes', 'report.json'), `${JSON.stringify(content)}\n`);
  };
  const status = {
    name: 'ci',
    supervisorPid: 4242,
    coordinators: ['127.0.0.1:20001'],
    processes: [
      {
        id: 'frontend-1',
        role: 'frontend',
        pid: 4243,
        state: 'running',
        exit: null,
        address: '127.0.0.1:20002',
        httpUrl: 'http://127.0.0.1:8480',
        dataDir: '/d',
        startedAtMs: 1,
      },
    ],
  };

  it('shows what the supervisor in the background reports, and ends with 0', async () => {
    report({ status: { ...status, folder: dataDir } });
    const { exitCode, stdout } = await up([...small, '--detach', '--name', 'ci', '-o', 'json']);
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ supervisorPid: 4242, items: [{ gitUrl: 'http://127.0.0.1:8480' }] });
    const asked = readFileSync(join(dataDir, 'supervisor.log'), 'utf8');
    expect(asked).toContain(`asked: cluster up --name ci --data-dir ${dataDir} --timeout 60000ms --objects 1`);
    expect(asked).toContain('--report-descriptor 3');
  });

  it('ends with the error that the supervisor reports', async () => {
    report({ error: { code: 'PORT_IN_USE', message: 'object-1 cannot listen', hint: 'give another port' } });
    const { exitCode, stderr } = await up([...small, '--detach']);
    expect(exitCode).toBe(1);
    expect(stderr).toContain('stratum: object-1 cannot listen\nhint: give another port\n');
  });

  it('shows the end of the log of a supervisor that ended without a word', async () => {
    const { exitCode, stderr } = await up([...small, '--detach', '-o', 'json']);
    expect(exitCode).toBe(1);
    const last = stderr.trimEnd().split('\n').at(-1) ?? '';
    expect(JSON.parse(last)).toMatchObject({
      code: 'INTERNAL',
      message: expect.stringContaining('asked: cluster up'),
      hint: expect.stringContaining('supervisor.log'),
    });
  });

  it('stops waiting when it is interrupted', async () => {
    const interrupted = AbortSignal.abort(new StratumError('CANCELLED', 'interrupted'));
    expect(await up([...small, '--detach'], { interrupted })).toMatchObject({ exitCode: 143, stdout: '' });
  });
});

describe('stratum cluster up', () => {
  it('shows the plan in a dry run, and starts and writes nothing', async () => {
    const { exitCode, stdout } = await up(['--dry-run', '-o', 'json', '--frontends', '2', '--git-port', '0']);
    expect(exitCode).toBe(0);
    const { items } = JSON.parse(stdout) as { items: { id: string; state: string }[] };
    expect(items).toHaveLength(9);
    expect(items.every(({ state }) => state === 'exited')).toBe(true);
    expect(existsSync(dataDir)).toBe(false);
  });

  it('starts several coordinators, all of them in the context', async () => {
    await upUntil('SIGINT', ['--coordinators', '3']);
    const { contexts } = await new ContextStore({ folder: join(folder, 'config') }).read();
    expect(contexts[0]?.coordinators).toHaveLength(3);
  });

  it('refuses another number of coordinators while the cluster runs', async () => {
    let refused: Awaited<ReturnType<typeof up>> | undefined;
    let send: ((signal: EndingSignal) => void) | undefined;
    await up(small, {
      onSignals: (sender) => {
        send = sender;
      },
      connect: async () => {
        refused ??= await up(['--coordinators', '3']);
        send?.('SIGINT');
        return new FakeCluster();
      },
    });
    expect(refused).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('has 1 coordinator node,') });
  });

  it.each([
    ['2', /survive the loss of no more than 1/],
    ['4', /survive the loss of no more than 3/],
    ['7', /--coordinators/],
  ])('refuses --coordinators %s', async (count, reason) => {
    const { exitCode, stderr } = await up(['--coordinators', count, '--dry-run']);
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(reason);
  });

  it('hands number, program and ports on to the supervisor in the background', async () => {
    const flags = ['--coordinators', '3', '--etcd-binary', './tools/etcd', '--detach'];
    await up([...small, ...flags]);
    const asked = readFileSync(join(dataDir, 'supervisor.log'), 'utf8');
    expect(asked).toContain('--coordinators 3');
    expect(asked).toContain(`--etcd-binary ${join(process.cwd(), 'tools', 'etcd')}`);
  });

  it('refuses a folder that holds something else, a bad name and a bad time-out', async () => {
    mkdirSync(dataDir);
    writeFileSync(join(dataDir, 'thesis.txt'), '');
    expect(await up([])).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('thesis.txt') });
    expect(await up(['--name', 'no/name'])).toMatchObject({ exitCode: 2 });
    expect(await up(['--timeout', 'soon'])).toMatchObject({ exitCode: 2 });
    expect(await up(['--objects', '0'])).toMatchObject({ exitCode: 2 });
  });
});
