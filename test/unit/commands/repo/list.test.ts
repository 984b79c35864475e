import { describe, expect, it } from 'vitest';
import { FakeCluster } from '../../cli/fake-cluster.ts';
import { runCommand } from '../../cli/run-command.ts';

function cluster(): FakeCluster {
  const fake = new FakeCluster();
  for (const name of ['team/c', 'team/a', 'other/x', 'team/b', 'team/d', 'team/e']) fake.addRepo(name);
  fake.addRepo('team/big', { packBytes: 3n << 30n, refCount: 7n, packCount: 2n });
  return fake;
}

describe('stratum repo list', () => {
  it('lists all pages by name', async () => {
    const { exitCode, stdout } = await runCommand(['repo', 'list', '-o', 'name'], cluster());
    expect(exitCode).toBe(0);
    expect(stdout).toBe(
      ['other/x', 'team/a', 'team/b', 'team/big', 'team/c', 'team/d', 'team/e']
        .map((name) => `repo/${name}\n`)
        .join(''),
    );
  });

  it('lists what begins with the prefix', async () => {
    const { stdout } = await runCommand(['repo', 'list', '--prefix', 'team/b'], cluster());
    expect(stdout).toBe(
      'team/b\tmain\t0\t0\t0 B\t2023-11-14T22:13:20.000Z\nteam/big\tmain\t7\t2\t3.0 GiB\t2023-11-14T22:13:20.000Z\n',
    );
  });

  it('has sizes in bytes and generations as strings in JSON', async () => {
    const { stdout } = await runCommand(['repo', 'list', '--prefix', 'team/big', '-o', 'json'], cluster());
    expect(JSON.parse(stdout)).toMatchObject({
      kind: 'RepoList',
      items: [{ name: 'team/big', packBytes: 3_221_225_472, refCount: 7, refsGeneration: '1', objectFormat: 'sha1' }],
    });
  });

  it('says on stderr that there is none, and ends with 0', async () => {
    const { exitCode, stdout, stderr } = await runCommand(['repo', 'list'], new FakeCluster());
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: '' });
    expect(stderr).toContain('no such repository');
  });

  describe('of deleted repositories', () => {
    const withDeleted = async () => {
      const fake = cluster();
      await fake.repositories.deleteRepo({ name: 'team/big', expectedId: '0'.repeat(32), graceMs: 60_000n });
      return fake;
    };

    it('prints until when each can be restored', async () => {
      const { exitCode, stdout } = await runCommand(['repo', 'list', '--deleted'], await withDeleted());
      expect(exitCode).toBe(0);
      const times = '2023-11-14T22:13:20.000Z\t2023-11-14T22:14:20.000Z';
      expect(stdout).toBe(`team/big\t${'0'.repeat(32)}\t7\t3.0 GiB\t${times}\n`);
    });

    it('has a kind of its own in JSON, and names them by id', async () => {
      const fake = await withDeleted();
      const { stdout } = await runCommand(['repo', 'list', '--deleted', '-o', 'json'], fake);
      const item = { name: 'team/big', purgeAt: '2023-11-14T22:14:20.000Z' };
      expect(JSON.parse(stdout)).toMatchObject({ kind: 'DeletedRepoList', items: [item] });
      const names = await runCommand(['repo', 'list', '--deleted', '-o', 'name'], fake);
      expect(names.stdout).toBe(`deleted-repo/${'0'.repeat(32)}\n`);
    });

    it('says that there is none with the prefix', async () => {
      const result = await runCommand(['repo', 'list', '--deleted', '--prefix', 'x'], await withDeleted());
      expect(result).toMatchObject({ exitCode: 0, stdout: '', stderr: 'no deleted repository can be restored\n' });
    });
  });
});
