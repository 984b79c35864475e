import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../../src/base/clock.ts';
import { systemRandom } from '../../../../src/base/random.ts';
import { type ClusterFile, prepareClusterFolder } from '../../../../src/cli/local-cluster/cluster-file.ts';
import { isRunning } from '../../../../src/cli/local-cluster/control-client.ts';
import { writeNodeFiles } from '../../../../src/cli/local-cluster/node-yaml.ts';
import { planCluster } from '../../../../src/cli/local-cluster/plan.ts';
import { Supervisor } from '../../../../src/cli/local-cluster/supervisor.ts';
import { fakeProgram, waitForFakeNodes } from './fake-program.ts';

let folder: string;
let cluster: ClusterFile;
let events: string[];
let supervisor: Supervisor;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'stratum-supervisor-'));
  await prepareClusterFolder(folder);
  const wish = { name: 'test', objects: 2, metadata: 1, frontends: 1, gitPort: 0 };
  cluster = await planCluster(wish, undefined, systemRandom);
  await writeNodeFiles(cluster, folder);
  events = [];
  supervisor = newSupervisor();
});
afterEach(async () => {
  supervisor.killAll();
  await supervisor.stop();
  rmSync(folder, { recursive: true });
});

function newSupervisor(stopTimeoutMs = 10_000): Supervisor {
  const env = { PATH: process.env.PATH, HOME: '/h', SECRET: 'x', STRATUM_WEIGHT: '5', STRATUM_LOG_LEVEL: 'debug' };
  return new Supervisor(
    { cluster, folder, command: fakeProgram, env, stopTimeoutMs },
    {
      clock: systemClock,
      waitUntilReady: waitForFakeNodes,
      onEvent: (text) => events.push(text),
      onProcesses: async () => undefined,
    },
  );
}

const behave = (behaviour: Record<string, string>) =>
  writeFileSync(join(folder, 'nodes', 'behaviour.json'), JSON.stringify(behaviour));
const forEver = new AbortController().signal;
const pidOf = (id: string) => supervisor.status().processes.find((each) => each.id === id)?.pid ?? 0;
const states = () => supervisor.status().processes.map(({ id, state }) => `${id} ${state}`);

describe('a supervisor', () => {
  it('starts every node and stops them in reverse, those that depend on others first', async () => {
    await supervisor.bringUp(forEver);
    expect(states()).toEqual(
      ['coordinator-1', 'object-1', 'object-2', 'metadata-1', 'frontend-1'].map((id) => `${id} running`),
    );
    const stopped: string[] = [];
    expect(await supervisor.stop((id) => stopped.push(id))).toEqual([]);
    expect(stopped[0]).toBe('frontend-1');
    expect(stopped[1]).toBe('metadata-1');
    expect(stopped.at(-1)).toBe('coordinator-1');
    expect(supervisor.status().processes.every(({ exit }) => exit?.code === 0)).toBe(true);
  });

  it('gives nodes a clean environment', async () => {
    await supervisor.bringUp(forEver);
    const [line = ''] = readFileSync(join(folder, 'logs', 'object-1.log'), 'utf8').split('\n');
    const seen = JSON.parse(line.replace('environment: ', '')) as Record<string, string>;
    expect(seen).toMatchObject({ PATH: process.env.PATH, HOME: '/h', STRATUM_LOG_LEVEL: 'debug' });
    expect(seen).not.toHaveProperty('SECRET');
    expect(seen).not.toHaveProperty('STRATUM_WEIGHT');
  });

  it('reports a node that dies, does not start it by itself, and starts what is missing on request', async () => {
    await supervisor.bringUp(forEver);
    const before = pidOf('object-2');
    const survivor = pidOf('object-1');
    const { promise: reported, resolve } = Promise.withResolvers<void>();
    const push = events.push.bind(events);
    events.push = (...texts) => {
      if (texts.some((text) => text.startsWith('object-2 ended'))) resolve();
      return push(...texts);
    };
    process.kill(before, 'SIGKILL');
    await reported;
    expect(events.at(-1)).toMatch(/^object-2 ended with SIGKILL .*stratum cluster up/);
    expect(states()).toContain('object-2 exited');
    expect(supervisor.status().processes[2]?.exit).toEqual({ code: null, signal: 'SIGKILL' });
    await supervisor.bringUp(forEver);
    expect(states()).toContain('object-2 running');
    expect(pidOf('object-2')).not.toBe(before);
    expect(pidOf('object-1')).toBe(survivor);
  });

  it('fails with the error that a node refused to start with', async () => {
    behave({ 'object-2': 'refuse' });
    await expect(supervisor.bringUp(forEver)).rejects.toMatchObject({
      code: 'DATA_DIR_LOCKED',
      message: 'object-2: another process uses it',
      hint: expect.stringContaining('object-2.log'),
    });
  });

  it('shows the end of the log of a node that ends without an error of ours', async () => {
    behave({ 'metadata-1': 'crash' });
    await expect(supervisor.bringUp(forEver)).rejects.toMatchObject({
      code: 'INTERNAL',
      message: expect.stringMatching(/^metadata-1 ended with exit code 70.*the last words/),
    });
  });

  it('kills a node that does not end, and says which', async () => {
    supervisor = newSupervisor(300);
    behave({ 'object-1': 'stubborn' });
    await supervisor.bringUp(forEver);
    expect(await supervisor.stop()).toEqual(['object-1']);
    expect(events.join('\n')).toContain('object-1 did not end within 300 ms and is killed');
    expect(isRunning(pidOf('object-1'))).toBe(false);
  });

  it('stops waiting when it is told to', async () => {
    const stop = new AbortController();
    behave({});
    const up = supervisor.bringUp(stop.signal);
    stop.abort(new Error('enough'));
    await expect(up).rejects.toThrow('enough');
  });
});
