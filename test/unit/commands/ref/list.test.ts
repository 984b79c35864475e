import { describe, expect, it } from 'vitest';
import { runCommand } from '../../cli/run-command.ts';
import { objectId, refCluster } from '../../cli/sample-refs.ts';

const list = (...argv: string[]) => runCommand(['ref', 'list', 'team/app', ...argv], refCluster());

describe('stratum ref list', () => {
  it('prints the refs with their objects', async () => {
    const { exitCode, stdout, stderr } = await list();
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(stdout).toBe(
      [
        `refs/heads/main\t${objectId('a')}\n`,
        `refs/heads/release/1#2\t${objectId('b')}\n`,
        `refs/tags/main\t${objectId('c')}\n`,
        `refs/tags/v1\t${objectId('d')}\n`,
      ].join(''),
    );
  });

  it('has headers on a terminal, and what tags lead to with -o wide', async () => {
    const world = { ...refCluster(), terminal: true };
    const { stdout } = await runCommand(['ref', 'list', 'team/app', 'tags/v', '-o', 'wide'], world);
    expect(stdout).toMatch(new RegExp(`^REF +OBJECT +PEELED\nrefs/tags/v1 +${objectId('d')} +${objectId('e')}\n$`));
  });

  it.each([
    [['heads/'], ['refs/heads/main', 'refs/heads/release/1#2']],
    [
      ['refs/heads/release/', 'tags/v'],
      ['refs/heads/release/1#2', 'refs/tags/v1'],
    ],
    [['heads/none'], []],
  ])('prints those that begin with %j', async (prefixes, names) => {
    const { exitCode, stdout } = await list(...prefixes, '-o', 'name');
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: names.map((name) => `ref/${name}\n`).join('') });
  });

  it('gives HEAD and the generation beside the refs in JSON', async () => {
    const { stdout } = await list('heads/main', '-o', 'json');
    expect(JSON.parse(stdout)).toMatchObject({
      kind: 'RefList',
      repo: 'team/app',
      head: 'refs/heads/main',
      refsGeneration: '6',
      items: [{ name: 'refs/heads/main', objectId: objectId('a'), peeledId: '' }],
    });
    expect((await list('--field', 'refsGeneration')).stdout).toBe('6\n');
    expect((await list('-o', 'jsonl')).stdout.trimEnd().split('\n')).toHaveLength(4);
  });

  it('says so when there is none', async () => {
    expect(await list('tags/x')).toMatchObject({ exitCode: 0, stdout: '', stderr: 'there is no such ref\n' });
  });

  it.each([
    ['no/such', 3],
    ['nonsense', 2],
  ])('refuses the repository %s with %i', async (repo, exitCode) => {
    expect(await runCommand(['ref', 'list', repo], refCluster())).toMatchObject({ exitCode, stdout: '' });
  });
});
