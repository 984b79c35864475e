import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { generateHistory } from './generated-history.ts';
import type { GitClient } from './git-client.ts';
import { LocalCluster } from './local-cluster.ts';

const MiB = 1024 * 1024;

describe('a cluster of real processes and the real git', () => {
  let cluster: LocalCluster;
  let source: GitClient;
  let url: string;

  beforeAll(async () => {
    cluster = await LocalCluster.start();
    // The large file is on a branch of its own: one clone with it shows that it gets through, a dozen would only take longer.
    const shape = { commits: 2_100, largeFileBytes: 100 * MiB, largeFileBranch: 'large' };
    source = await generateHistory(join(cluster.folder, 'work', 'source'), shape);
    url = `${await cluster.gitUrl()}/team/app.git`;
    await source.git('remote', 'add', 'origin', url);
    await source.git('push', '--quiet', 'origin', '--all');
    await source.git('push', '--quiet', 'origin', '--tags');
  });
  afterAll(() => cluster?.remove());

  const pushOnce = async (client: GitClient, name: string) => {
    await writeFile(join(client.folder, `${name}.txt`), `${name}\n`);
    return client.commit(`Add ${name}`);
  };

  it('clones what was pushed, every ref equal and fsck clean', async () => {
    const copy = await source.clone(url, 'full', '--mirror');
    expect(await copy.refs()).toBe(await source.refs());
    await copy.git('fsck', '--full', '--strict');
    const work = await source.clone(url, 'full-work', '--branch', 'large');
    expect(await work.git('rev-parse', 'HEAD', 'origin/main')).toBe(await source.git('rev-parse', 'large', 'main'));
    expect(await work.git('status', '--porcelain')).toBe('');
  });

  it.each(['0', '1', '2'])('serves a client of protocol version %s', async (version) => {
    const remote = await source.git('-c', `protocol.version=${version}`, 'ls-remote', url);
    const local = await source.git('show-ref', '--head', '--dereference');
    const heads = (text: string) =>
      text
        .split('\n')
        .filter((line) => /refs\/(heads|tags)/.test(line))
        .map((line) => line.replace(/\s+/, ' '));
    expect(heads(remote).sort()).toEqual(
      heads(local)
        .filter((line) => !line.includes('refs/remotes'))
        .sort(),
    );
    const copy = await source.clone(url, `version-${version}`, '-c', `protocol.version=${version}`, '--depth', '1');
    expect(await copy.git('rev-parse', 'HEAD')).toBe(await source.git('rev-parse', 'main'));
  });

  it('clones shallow, by depth and by date, and deepens later', async () => {
    const shallow = await source.clone(url, 'shallow', '--depth', '3');
    expect(await shallow.git('rev-list', '--count', '--first-parent', 'HEAD')).toBe('3');
    await shallow.git('fetch', '--quiet', '--deepen', '5');
    expect(await shallow.git('rev-list', '--count', '--first-parent', 'HEAD')).toBe('8');
    await shallow.git('fetch', '--quiet', '--unshallow');
    expect(await shallow.git('rev-list', '--count', 'HEAD')).toBe(await source.git('rev-list', '--count', 'main'));
    await shallow.git('fsck', '--full');
  });

  it('clones partially and fetches what is missing when it is asked for', async () => {
    const partial = await source.clone(url, 'partial', '--filter=blob:none', '--no-checkout');
    const missing = await partial.git('rev-list', '--objects', '--all', '--missing=print', '--quiet');
    expect(missing).toContain('?');
    const wanted = await source.git('rev-parse', 'main:src/module-0/file-0.txt').catch(() => undefined);
    const path =
      wanted === undefined
        ? (await source.git('ls-tree', '-r', '--name-only', 'main', 'src')).split('\n')[0]
        : 'src/module-0/file-0.txt';
    expect(await partial.git('show', `main:${path}`)).toBe(await source.git('show', `main:${path}`));
  });

  it('fetches what is new since the last fetch', async () => {
    const copy = await source.clone(url, 'incremental', '--depth', '1', '--branch', 'main');
    const tip = await pushOnce(source, 'incremental');
    await source.git('push', '--quiet', 'origin', 'main');
    await copy.git('fetch', '--quiet', 'origin', 'main');
    expect(await copy.git('rev-parse', 'FETCH_HEAD')).toBe(tip);
    const again = await source.attempt('push', 'origin', 'main');
    expect(again).toMatchObject({ code: 0, stderr: expect.stringContaining('Everything up-to-date') });
  });

  it('refuses a push that is not a fast-forward of what it saw, and takes it when forced', async () => {
    await source.git('switch', '--quiet', '--create', 'rewritten', 'main');
    await pushOnce(source, 'before');
    await source.git('push', '--quiet', 'origin', 'rewritten');
    await source.git('reset', '--quiet', '--hard', 'main');
    const tip = await pushOnce(source, 'after');
    expect((await source.attempt('push', 'origin', 'rewritten')).code).not.toBe(0);
    await source.git('push', '--quiet', '--force', 'origin', 'rewritten');
    expect(await source.git('ls-remote', url, 'refs/heads/rewritten')).toContain(tip);
    await source.git('switch', '--quiet', 'main');
  });

  it('deletes branches and tags, and refuses to delete the branch that HEAD points at', async () => {
    await source.git('push', '--quiet', 'origin', 'main:refs/heads/short-lived', 'v10:refs/tags/short-lived');
    await source.git('push', '--quiet', 'origin', '--delete', 'refs/heads/short-lived', 'refs/tags/short-lived');
    expect(await source.git('ls-remote', url, '*short-lived*')).toBe('');
    const refused = await source.attempt('push', 'origin', '--delete', 'main');
    expect(refused.code).not.toBe(0);
    expect(refused.stderr).toContain('refusing to delete the current branch');
  });

  it('applies nothing of an atomic push with one bad ref', async () => {
    const before = await source.git('ls-remote', url);
    await pushOnce(source, 'atomic');
    // Two names that cannot both be refs: the second lies below the first.
    const refused = await source.attempt(
      'push',
      '--atomic',
      'origin',
      'main:refs/heads/clash',
      'main:refs/heads/clash/below',
    );
    expect(refused.code).not.toBe(0);
    expect(await source.git('ls-remote', url)).toBe(before);
    const mixed = await source.attempt('push', 'origin', 'main:refs/heads/fine', 'main:refs/heads/rewritten/below');
    expect(mixed.code).not.toBe(0);
    expect(await source.git('ls-remote', url, 'refs/heads/fine')).not.toBe('');
    expect(await source.git('ls-remote', url, 'refs/heads/rewritten/below')).toBe('');
  });

  it('lets exactly one of two concurrent pushes to one ref win', async () => {
    const racers = await Promise.all([
      source.clone(url, 'racer-a', '--depth', '1'),
      source.clone(url, 'racer-b', '--depth', '1'),
    ]);
    const tips = await Promise.all(racers.map((racer, index) => pushOnce(racer, `race-${index}`)));
    const results = await Promise.all(racers.map((racer) => racer.attempt('push', 'origin', 'HEAD:main')));
    expect(results.map(({ code }) => code === 0).sort()).toEqual([false, true]);
    const winner = results.findIndex(({ code }) => code === 0);
    expect(await source.git('ls-remote', url, 'refs/heads/main')).toContain(tips[winner]);
    await source.git('pull', '--quiet', '--rebase', 'origin', 'main');
  });

  it('carries push options and says what the server says', async () => {
    await pushOnce(source, 'options');
    const pushed = await source.attempt('push', '--push-option=ci.skip', 'origin', 'main');
    expect(pushed.code, pushed.stderr).toBe(0);
  });

  it('names three nodes that hold the pack of a pushed commit, each of which proves it', async () => {
    const commit = await source.git('rev-parse', 'v1^{commit}');
    const located = JSON.parse(await cluster.stratum('ring', 'locate', commit, '--verify', '-o', 'json')) as {
      items: { verdict: string; replicas: { nodeId: string; presence: string }[] }[];
    };
    expect(located.items.length).toBeGreaterThan(0);
    for (const item of located.items) {
      expect(item.verdict).toBe('ok');
      expect(new Set(item.replicas.map(({ nodeId }) => nodeId)).size).toBe(3);
      expect(item.replicas.every(({ presence }) => presence === 'present')).toBe(true);
    }
  });

  it('lists the repository with its refs and packs', async () => {
    const listed = JSON.parse(await cluster.stratum('repo', 'list', '-o', 'json')) as { items: { name: string }[] };
    expect(listed.items.map(({ name }) => name)).toContain('team/app');
    expect(await cluster.stratum('repo', 'show', 'team/app', '-o', 'json')).toContain('"refs/heads/main"');
  });

  it('takes a sha256 repository like any other', async () => {
    const shape = { commits: 120, largeFileBytes: 0, objectFormat: 'sha256' as const };
    const modern = await generateHistory(join(cluster.folder, 'work', 'sha256'), shape);
    await cluster.stratum('repo', 'create', 'team/modern', '--object-format', 'sha256');
    const modernUrl = `${await cluster.gitUrl()}/team/modern`;
    await modern.git('push', '--quiet', modernUrl, '--all');
    await modern.git('push', '--quiet', modernUrl, '--tags');
    const copy = await modern.clone(modernUrl, 'sha256-copy', '--mirror');
    expect(await copy.refs()).toBe(await modern.refs());
    expect(await copy.git('rev-parse', '--show-object-format')).toBe('sha256');
    await copy.git('fsck', '--full', '--strict');
  });
});
