import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { Etcd3 } from 'etcd3';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../../../src/base/clock.ts';
import { systemRandom } from '../../../../src/base/random.ts';
import type { EtcdMember } from '../../../../src/consensus/etcd/etcd-member.ts';
import { chooseMemberPort } from '../../../../src/consensus/etcd/etcd-member-port.ts';
import { EtcdStore } from '../../../../src/consensus/etcd/etcd-store.ts';
import { isRunning, SampleMembers } from './sample-members.ts';

let members: SampleMembers | undefined;
afterEach(() => members?.remove());

const cluster = async (...nodeIds: readonly string[]) => {
  members = await SampleMembers.named(...nodeIds);
  return members;
};

/** Resolves when the member answers, which it does with a majority only. */
async function answers(member: EtcdMember): Promise<readonly string[]> {
  const store = new EtcdStore(
    { endpoints: [member.endpoint], prefix: '/t/', asksMembers: true, callTimeoutMs: 1_000 },
    { clock: systemClock },
  );
  try {
    return await vi.waitFor(
      async () => {
        await store.read([{ start: 'any' }]);
        return (await store.status()).members.map(({ name }) => name).sort();
      },
      { timeout: 15_000, interval: 50 },
    );
  } finally {
    store.close();
  }
}

async function listenOn(address: string): Promise<Server> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(Number(address.split(':')[1]), '127.0.0.1', resolve));
  return server;
}

describe('supervised etcd members', () => {
  it('form a cluster one after the other, and one that is killed comes back by itself', async () => {
    const sample = await cluster('c1', 'c2', 'c3');
    const first = await sample.start('c1');
    const second = await sample.start('c2');
    expect(await answers(first)).toEqual(['c1', 'c2', 'c3']);
    const third = await sample.start('c3');
    expect(await answers(third)).toEqual(['c1', 'c2', 'c3']);

    const { pid, endpoint } = second;
    process.kill(pid, 'SIGKILL');
    await vi.waitUntil(() => second.pid !== pid, { timeout: 10_000 });
    expect(second.endpoint).toBe(endpoint);
    expect(await answers(second)).toHaveLength(3);
    expect(sample.log.lines).toContainEqual(
      expect.objectContaining({
        level: 'error',
        fields: expect.objectContaining({ code: 'ETCD_FAILED', failures: 1 }),
      }),
    );
  }, 60_000);

  it('start again with the data that they had', async () => {
    const sample = await cluster('c1');
    const first = await sample.start('c1');
    await answers(first);
    await sample.stop(first);
    expect(isRunning(first.pid)).toBe(false);
    expect(await answers(await sample.start('c1', { hasJoinedBefore: true }))).toEqual(['c1']);
  }, 30_000);

  it('enter a cluster that expects them, and are refused by one that does not, or that they have forgotten', async () => {
    const sample = await cluster('c1');
    const first = await sample.start('c1');
    await answers(first);
    const address = `127.0.0.1:${await chooseMemberPort(systemRandom)}`;
    sample.peers.c2 = address;
    await expect(sample.start('c2')).rejects.toMatchObject({
      code: 'ETCD_FAILED',
      hint: expect.stringContaining(`member add c2=${address}`),
    });
    const etcd = new Etcd3({ hosts: [first.endpoint] });
    await etcd.cluster.memberAdd({ peerURLs: [`http://${address}`] });
    etcd.close();
    const second = await sample.start('c2');
    expect(await answers(second)).toEqual(['c1', 'c2']);

    await sample.stop(second);
    rmSync(sample.folderOf('c2'), { recursive: true });
    await expect(sample.start('c2')).rejects.toMatchObject({
      code: 'UNSAFE',
      hint: expect.stringContaining('member remove c2'),
    });
  }, 60_000);

  it('that were removed say so at their next start', async () => {
    const sample = await cluster('c1', 'c2', 'c3');
    const [first, , third] = await Promise.all(['c1', 'c2', 'c3'].map((id) => sample.start(id)));
    if (first === undefined || third === undefined) throw new Error('three members have started');
    await answers(third);
    await answers(first);
    await sample.stop(third);
    const etcd = new Etcd3({ hosts: [first.endpoint] });
    const { members: listed } = await etcd.cluster.memberList({});
    // etcd takes no member out while a vote is under way.
    await vi.waitFor(() => etcd.cluster.memberRemove({ ID: listed.find(({ name }) => name === 'c3')?.ID ?? '' }), {
      timeout: 10_000,
    });
    etcd.close();
    await expect(sample.start('c3')).rejects.toMatchObject({
      code: 'ETCD_FAILED',
      message: expect.stringContaining('permanently removed'),
      hint: expect.stringContaining('member add'),
    });
  }, 60_000);

  it('with the folder of another cluster are told apart from the others', async () => {
    const other = await SampleMembers.named('c2');
    await answers(await other.start('c2'));
    const sample = await cluster('c1', 'c2');
    try {
      await sample.start('c1');
      cpSync(other.folderOf('c2'), sample.folderOf('c2'), { recursive: true });
    } finally {
      await other.remove();
    }
    await expect(sample.start('c2')).rejects.toMatchObject({
      code: 'ETCD_FAILED',
      message: expect.stringContaining('cluster ID mismatch'),
    });
  }, 60_000);

  it('say which address another process has, and leave nothing running', async () => {
    const sample = await cluster('c1');
    const stranger = await listenOn(sample.peers.c1 ?? '');
    try {
      await expect(sample.start('c1')).rejects.toMatchObject({
        code: 'ETCD_FAILED',
        message: expect.stringMatching(new RegExp(`${sample.peers.c1}.*address already in use`)),
        hint: expect.stringContaining('--etcd-peer-listen'),
      });
    } finally {
      stranger.close();
    }
  }, 30_000);

  it('take another client port when the chosen one is gone in between, and never a given one', async () => {
    const sample = await cluster('c1');
    const port = await chooseMemberPort(systemRandom);
    const stranger = await listenOn(`127.0.0.1:${port}`);
    // A program whose first run finds its client port taken, in etcd's own words (the given port has them from etcd).
    const { binary } = await sample.options('c1');
    const racing = join(sample.folder, 'racing-etcd');
    const words = "sed -n 's#^--listen-client-urls=http://\\(.*\\)#listen tcp \\1: bind: address already in use#p'";
    writeFileSync(
      racing,
      `#!/bin/sh
[ -e "$0.lost" ] && exec ${binary} "$@"
touch "$0.lost"
printf '%s\\n' "$@" | ${words} >&2
exit 1
`,
      { mode: 0o755 },
    );
    try {
      await expect(sample.start('c1', { clientListen: `127.0.0.1:${port}` })).rejects.toMatchObject({
        code: 'ETCD_FAILED',
        hint: expect.stringContaining('--etcd-client-listen'),
      });
      expect(sample.log.lines).toEqual([]);
      expect(await answers(await sample.start('c1', { binary: racing }))).toEqual(['c1']);
      expect(existsSync(`${racing}.lost`)).toBe(true);
    } finally {
      stranger.close();
    }
  }, 30_000);

  it('do not outlive the process that owns them', async () => {
    const sample = await cluster('c1');
    const script = new URL('./member-owner.ts', import.meta.url).pathname;
    const owner = spawn(process.execPath, [script, JSON.stringify(await sample.options('c1'))], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const [line] = (await once(owner.stdout, 'data')) as [Buffer];
    const pid = Number(line.toString());
    expect(isRunning(pid)).toBe(true);
    const group = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').map(Number);
    expect(group.length).toBeGreaterThan(0);
    owner.kill('SIGKILL');
    await vi.waitUntil(() => ![pid, ...group].some(isRunning), { timeout: 10_000 });
  }, 30_000);

  it('cannot be started in a folder that cannot be made, or by a program that is none', async () => {
    const sample = await cluster('c1');
    writeFileSync(join(sample.folder, 'file'), '');
    await expect(sample.start('c1', { folder: join(sample.folder, 'file', 'etcd') })).rejects.toMatchObject({
      code: 'DATA_DIR_UNWRITABLE',
    });
    await expect(sample.start('c1', { binary: '/nonexistent/etcd' })).rejects.toMatchObject({
      code: 'ETCD_FAILED',
      message: expect.stringMatching(/exit code 127.*not found/),
    });
  }, 30_000);

  it('keep their folder and their output to their user', async () => {
    const sample = await cluster('c1');
    mkdirSync(join(sample.folder, 'deep'));
    const folder = join(sample.folder, 'deep', 'etcd');
    await sample.start('c1', { folder });
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    expect(statSync(join(sample.folder, 'c1.log')).mode & 0o777).toBe(0o600);
  }, 30_000);
});
