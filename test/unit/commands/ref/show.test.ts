import { describe, expect, it } from 'vitest';
import { runCommand } from '../../cli/run-command.ts';
import { objectId, refCluster } from '../../cli/sample-refs.ts';

const show = (...argv: string[]) => runCommand(['ref', 'show', 'team/app', ...argv], refCluster());

describe('stratum ref show', () => {
  it('prints what a ref points at, and who changed it last', async () => {
    const { exitCode, stdout, stderr } = await show('refs/heads/main');
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(stdout).toBe(`refs/heads/main\t${objectId('a')}\t2023-11-14T22:13:20.005Z\tgrace\n`);
  });

  it('has the object that a tag leads to and the last change in JSON', async () => {
    const { stdout } = await show('v1', '-o', 'json');
    const lastChange = {
      change: 'create',
      oldId: '',
      newId: objectId('d'),
      actor: 'grace',
      pushId: '03ff',
      index: '3',
    };
    expect(JSON.parse(stdout)).toMatchObject({
      kind: 'RefDetailList',
      items: [{ name: 'refs/tags/v1', peeledId: objectId('e'), symbolicTarget: '', lastChange }],
    });
  });

  it.each([
    ['main', 'refs/tags/main', 'as git does, a tag before a branch'],
    ['heads/main', 'refs/heads/main', 'below refs/'],
    ['release/1#2', 'refs/heads/release/1#2', 'a branch'],
    ['HEAD', 'HEAD', 'its branch'],
  ])('takes %s for %s: %s', async (name, found) => {
    expect(await show(name, '-o', 'name')).toMatchObject({ exitCode: 0, stdout: `ref/${found}\n` });
  });

  it('follows HEAD', async () => {
    const { stdout } = await show('HEAD', '-o', 'jsonl');
    const item = { name: 'HEAD', objectId: objectId('a'), symbolicTarget: 'refs/heads/main' };
    expect(JSON.parse(stdout)).toMatchObject(item);
    expect((await show('HEAD', '--field', 'objectId')).stdout).toBe(`${objectId('a')}\n`);
  });

  it('says that there is no change that it knows of', async () => {
    const { stdout } = await show('release/1#2', '-o', 'jsonl');
    expect(JSON.parse(stdout)).toMatchObject({ lastChange: null });
  });

  it('takes refs from stdin, and goes on after those that are none', async () => {
    const world = { ...refCluster(), stdin: 'heads/main\nrefs/heads/a..b\nnone # nothing\nrelease/1#2\n' };
    const { exitCode, stdout, stderr } = await runCommand(['ref', 'show', 'team/app', '--stdin', '-o', 'name'], world);
    expect({ exitCode, stdout }).toEqual({ exitCode: 10, stdout: 'ref/refs/heads/main\nref/refs/heads/release/1#2\n' });
    expect(stderr).toMatch(/REF_NAME_INVALID[\s\S]*has no ref none/);
  });

  it('finds many refs with one question', async () => {
    const names = Array.from({ length: 60 }, (_, index) => `none-${index}`);
    const { exitCode, stdout } = await show(...names, 'v1', '-o', 'name');
    expect({ exitCode, stdout }).toEqual({ exitCode: 10, stdout: 'ref/refs/tags/v1\n' });
  });

  it.each([
    [['none'], 3, /"stratum ref list team\/app" shows all/],
    [['a b'], 2, /contains/],
    [[], 2, /--stdin/],
    [['main', '--stdin'], 2, /not both/],
  ])('refuses %j', async (argv, exitCode, message) => {
    expect(await show(...argv)).toMatchObject({ exitCode, stdout: '', stderr: expect.stringMatching(message) });
  });

  it('tells that HEAD is not born', async () => {
    const cluster = refCluster();
    cluster.addRepo('team/new', { head: 'refs/heads/trunk' });
    const result = await runCommand(['ref', 'show', 'team/new', 'HEAD'], cluster);
    expect(result).toMatchObject({ exitCode: 3, stderr: expect.stringContaining('refs/heads/trunk is not born yet') });
  });
});
