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
});
