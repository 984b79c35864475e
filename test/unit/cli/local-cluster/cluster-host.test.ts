import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../../src/base/clock.ts';
import { systemRandom } from '../../../../src/base/random.ts';
import { ClusterHost, type ClusterHostModules } from '../../../../src/cli/local-cluster/cluster-host.ts';
import { ControlClient } from '../../../../src/cli/local-cluster/control-client.ts';
import type { ClusterWish } from '../../../../src/cli/local-cluster/plan.ts';
import { takeDown } from '../../../../src/cli/local-cluster/take-down.ts';
import { fakeProgram, waitForFakeNodes } from './fake-program.ts';

let folder: string;
let hosts: ClusterHost[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'stratum-host-'));
  hosts = [];
});
afterEach(async () => {
  for (const host of hosts) {
    host.killAll();
    await host.stop();
    await host.close();
  }
  rmSync(folder, { recursive: true });
});

async function open(
  changes: Partial<ClusterHostModules> = {},
  wishes: Partial<ClusterWish> = {},
): Promise<ClusterHost> {
  const wish = { name: 'test', objects: 1, metadata: 1, frontends: 1, gitPort: 0, ...wishes };
  const host = await ClusterHost.open(
    { wish, folder, command: fakeProgram, env: { PATH: process.env.PATH }, timeoutMs: 20_000 },
    {
      clock: systemClock,
      random: systemRandom,
      onEvent: () => undefined,
      waitUntilReady: waitForFakeNodes,
      ...changes,
    },
  );
  hosts.push(host);
  return host;
}

const find = () => ControlClient.find(folder, systemClock);
const forEver = new AbortController().signal;
const down = (dryRun = false) =>
  takeDown({ folder, timeoutMs: 20_000, dryRun }, { clock: systemClock, signal: forEver, onProgress: () => undefined });

describe('the host of a local cluster', () => {
  it('is found through its folder, by its user alone', async () => {
    expect(await find()).toBeUndefined();
    const host = await open();
    await host.bringUp();
    const status = await (await find())?.status();
    expect(status).toEqual(host.status());
    expect(status?.processes.every(({ state }) => state === 'running')).toBe(true);
    expect(statSync(join(folder, 'supervisor.json')).mode & 0o777).toBe(0o600);
  });

  it.each([undefined, 'Bearer wrong', 'Bearer '])('answers nobody with the token %s', async (authorization) => {
    const host = await open();
    await host.bringUp();
    const { port } = JSON.parse(readFileSync(join(folder, 'supervisor.json'), 'utf8')) as { port: number };
    const headers = authorization === undefined ? {} : { authorization };
    const code = await new Promise((resolve) => {
      request({ port, host: '127.0.0.1', path: '/stop', method: 'POST', headers }, (response) => {
        response.resume();
        resolve(response.statusCode);
      }).end();
    });
    expect(code).toBe(401);
    expect(host.status().processes.every(({ state }) => state === 'running')).toBe(true);
  });

  it('starts what is missing when another process asks', async () => {
    const host = await open();
    await host.bringUp();
    const { pid } = host.status().processes[1] ?? { pid: 0 };
    process.kill(pid, 'SIGKILL');
    const client = await find();
    // The supervisor may hear of the death a moment later than the asker.
    while ((await client?.status())?.processes[1]?.state !== 'exited');
    const status = await client?.startMissing(20_000, forEver);
    expect(status?.processes.every(({ state }) => state === 'running')).toBe(true);
  });

  it('gives the error of a start to who asked for it', async () => {
    const host = await open();
    await host.bringUp();
    writeFileSync(join(folder, 'nodes', 'behaviour.json'), '{"object-1":"refuse"}');
    process.kill(host.status().processes[1]?.pid ?? 0, 'SIGKILL');
    const client = await find();
    while ((await client?.status())?.processes[1]?.state !== 'exited');
    await expect(client?.startMissing(20_000, forEver)).rejects.toMatchObject({ code: 'DATA_DIR_LOCKED' });
  });

  it('says what the cluster lacks when it does not serve in time', async () => {
    const host = await open({
      waitUntilReady: (_status, signal) =>
        new Promise((_, reject) => {
          // A busy machine may have used up the time before it comes to this.
          if (signal.aborted) reject(signal.reason);
          else signal.addEventListener('abort', () => reject(signal.reason), { once: true });
        }),
    });
    await expect(host.bringUp(50)).rejects.toMatchObject({
      code: 'WAIT_TIMEOUT',
      hint: expect.stringContaining('logs'),
    });
  });

  it('starts all of several coordinators, and stops them after all others', async () => {
    const host = await open({}, { coordinators: 3 });
    await host.bringUp();
    const { coordinators, processes } = host.status();
    expect(processes.map(({ id, state }) => `${id} ${state}`).slice(0, 3)).toEqual([
      'coordinator-1 running',
      'coordinator-2 running',
      'coordinator-3 running',
    ]);
    expect(coordinators).toEqual(processes.slice(0, 3).map(({ address }) => address));
    const stopped: string[] = [];
    await host.stop((id) => stopped.push(id));
    expect(stopped.slice(0, 3)).toEqual(['frontend-1', 'metadata-1', 'object-1']);
  });

  it('starts nothing when several coordinators would find no etcd', async () => {
    const wishes = { coordinators: 3, etcdBinary: '/nonexistent/etcd' };
    await expect(open({}, wishes)).rejects.toMatchObject({ code: 'ETCD_MISSING' });
    expect(existsSync(join(folder, 'cluster.json'))).toBe(false);
    // The folder is free again.
    await open();
  });

  it('does not share its folder', async () => {
    await open();
    await expect(open()).rejects.toMatchObject({ code: 'DATA_DIR_LOCKED' });
  });

  it('can be opened again after it was closed, with the same ports', async () => {
    const first = await open();
    const before = first.status().processes.map(({ address }) => address);
    await first.close();
    expect((await open()).status().processes.map(({ address }) => address)).toEqual(before);
  });
});

describe('taking a local cluster down', () => {
  it('is no error when it does not run', async () => {
    expect(await down()).toMatch(/nothing to do/);
  });

  it('says what it would stop in a dry run', async () => {
    const host = await open();
    await host.bringUp();
    expect(await down(true)).toMatch(/^would stop coordinator-1, object-1, metadata-1, frontend-1/);
    expect(host.status().processes.every(({ state }) => state === 'running')).toBe(true);
  });

  it('streams what has stopped to who asked, and tells the host', async () => {
    const host = await open();
    await host.bringUp();
    const lines = await Array.fromAsync((await find())?.stop(forEver) ?? []);
    expect(lines.slice(0, -1)).toEqual(
      ['frontend-1', 'metadata-1', 'object-1', 'coordinator-1'].map((stopped) => ({ stopped })),
    );
    expect(lines.at(-1)).toEqual({ done: true, killed: [] });
    await host.stopRequested;
  });

  it('ends nodes that outlived their supervisor', async () => {
    const host = await open();
    await host.bringUp();
    const file = readFileSync(join(folder, 'supervisor.json'));
    const pids = host.status().processes.map(({ pid }) => pid);
    // The file of a supervisor that has gone: nobody listens on its port.
    await host.close();
    hosts = [];
    writeFileSync(join(folder, 'supervisor.json'), file);
    expect(await find()).toBeUndefined();
    expect(await down(true)).toMatch(/would end nodes that outlived their supervisor: coordinator-1/);
    expect(await down()).toMatch(/ended nodes that had outlived their supervisor/);
    for (const pid of pids) expect(() => process.kill(pid, 0)).toThrow('ESRCH');
  });
});
