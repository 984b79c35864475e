import { describe, expect, it } from 'vitest';
import { runCommand } from '../../cli/run-command.ts';
import { objectId, refCluster } from '../../cli/sample-refs.ts';

const log = (...argv: string[]) => runCommand(['ref', 'log', 'team/app', ...argv], refCluster());
const indexes = (stdout: string) => stdout.split('\n').flatMap((line) => (line === '' ? [] : [Number(line)]));

describe('stratum ref log', () => {
  it('prints who changed what, newest first', async () => {
    const { exitCode, stdout, stderr } = await log();
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    const lines = stdout.trimEnd().split('\n');
    expect(lines).toHaveLength(5);
    expect(lines.slice(0, 2)).toEqual([
      `2023-11-14T22:13:20.006Z\trefs/heads/gone\tdelete\t${objectId('b')}\t\tada`,
      `2023-11-14T22:13:20.005Z\trefs/heads/main\tupdate\t${objectId('b')}\t${objectId('a')}\tgrace`,
    ]);
  });

  it.each([
    ['refs/heads/main', [5, 2]],
    ['heads/main', [5, 2]],
    ['HEAD', [5, 2]],
    ['v1', [3]],
    ['gone', [6, 4]],
    ['refs/heads/never', []],
  ])('prints the changes of %s alone, be it deleted or not', async (ref, expected) => {
    const { exitCode, stdout } = await log(ref, '--field', 'index');
    expect({ exitCode, indexes: indexes(stdout) }).toEqual({ exitCode: 0, indexes: expected });
  });

  it('has the push and its place in the log in JSON', async () => {
    const { stdout } = await log('v1', '-o', 'json');
    const ids = { oldId: '', newId: objectId('d'), pushId: '03ff', index: '3', epoch: '5' };
    expect(JSON.parse(stdout)).toMatchObject({
      kind: 'RefLog',
      nextPageToken: '',
      items: [{ at: '2023-11-14T22:13:20.003Z', ref: 'refs/tags/v1', change: 'create', actor: 'grace', ...ids }],
    });
    expect((await log('v1', '-o', 'name')).stdout).toBe('change/3/refs/tags/v1\n');
    expect((await log('-o', 'jsonl')).stdout.trimEnd().split('\n')).toHaveLength(5);
  });

  it('ends at the limit, and goes on from there', async () => {
    const first = await log('--limit', '3', '-o', 'json');
    const { items, nextPageToken } = JSON.parse(first.stdout);
    expect(items).toHaveLength(3);
    const second = await log('--limit', '3', '--page-token', nextPageToken, '--field', 'index');
    expect(indexes(second.stdout)).toEqual([3, 2]);
    const told = await log('--limit', '3');
    expect(told.stderr).toBe(`there is more: --page-token ${nextPageToken}\n`);
  });

  it.each([
    [['--limit', '0'], 2],
    [['a..b'], 2],
  ])('refuses %j', async (argv, exitCode) => {
    expect(await log(...argv)).toMatchObject({ exitCode, stdout: '' });
  });

  it('ends with 3 for a repository that there is not', async () => {
    expect(await runCommand(['ref', 'log', 'no/such'], refCluster())).toMatchObject({ exitCode: 3, stdout: '' });
  });
});
