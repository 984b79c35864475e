import { describe, expect, it } from 'vitest';
import { FakeCluster } from '../../cli/fake-cluster.ts';
import { runCommand } from '../../cli/run-command.ts';

const create = (cluster: FakeCluster, ...argv: string[]) => runCommand(['repo', 'create', ...argv], cluster);

describe('stratum repo create', () => {
  it('creates a repository, and says on stderr where', async () => {
    const cluster = new FakeCluster();
    const { exitCode, stdout, stderr } = await create(cluster, 'team/app.git', '-o', 'name');
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: 'repo/team/app\n' });
    expect(stderr).toBe('127.0.0.1:7480, cluster cluster-a, version 14\n');
    expect(cluster.repos.get('team/app')?.repo).toMatchObject({ objectFormat: 1, head: 'refs/heads/main' });
  });

  it('takes the hash and the branch', async () => {
    const cluster = new FakeCluster();
    const { stdout } = await create(cluster, 'a/b', '--object-format', 'sha256', '--head', 'trunk', '-o', 'json');
    expect(JSON.parse(stdout)).toMatchObject({
      kind: 'Repo',
      items: [{ objectFormat: 'sha256', head: 'refs/heads/trunk' }],
    });
    expect(cluster.repos.get('a/b')?.repo.objectFormat).toBe(2);
  });

  it('ends with 8 when it is there already', async () => {
    const cluster = new FakeCluster();
    cluster.addRepo('a/b');
    expect(await create(cluster, 'a/b')).toMatchObject({ exitCode: 8, stdout: '' });
  });

  it('creates nothing in a dry run', async () => {
    const cluster = new FakeCluster();
    const { exitCode, stdout, stderr } = await create(cluster, 'a/b', '--dry-run');
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: '' });
    expect(stderr).toContain('would create a/b');
    expect(cluster.repos.size).toBe(0);
  });

  it.each([
    ['just-a-name', []],
    ['../x', []],
    ['a/b', ['--head', 'x..y']],
    ['a/b', ['--object-format', 'md5']],
  ])('refuses %s with %j before it connects', async (name, argv) => {
    const cluster = new FakeCluster();
    expect(await create(cluster, name, ...argv)).toMatchObject({ exitCode: 2, stdout: '' });
    expect(cluster.closed).toBe(0);
  });
});
