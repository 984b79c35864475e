import { describe, expect, it } from 'vitest';
import { type CompletionNames, complete } from '../../../src/cli/completion.ts';
import { commandTable } from '../../../src/commands/index.ts';

const named = (...values: string[]) => values.map((value) => ({ value, description: `what ${value} is` }));
const names: CompletionNames = {
  contexts: async () => ['ci', 'local'],
  nodes: async () => named('metadata-1', 'object-1'),
  partitions: async () => named('0', '1', '10'),
  repos: async (prefix) => named('team/app', 'team/other').filter(({ value }) => value.startsWith(prefix)),
  refs: async (repo) => (repo === 'team/app' ? named('refs/heads/main', 'refs/tags/v1') : []),
};
const valuesOf = async (...words: string[]) => {
  const { candidates, paths } = await complete(commandTable, words, names);
  return { values: candidates.map(({ value }) => value), paths };
};

describe('completion', () => {
  it('offers topics and commands, without hidden ones', async () => {
    const { values } = await valuesOf('');
    expect(values).toEqual(expect.arrayContaining(['cluster', 'repo', 'version']));
    expect(values).not.toContain('complete');
    expect((await valuesOf('re')).values).toEqual(['ref', 'repo']);
  });

  it('offers the commands of a topic with what they do', async () => {
    const { candidates } = await complete(commandTable, ['repo', 'cr'], names);
    expect(candidates).toEqual([{ value: 'create', description: 'Create a repository' }]);
  });

  it('offers flags that are not given yet, and repeated ones again', async () => {
    expect((await valuesOf('repo', 'list', '--p')).values).toEqual(['--prefix']);
    expect((await valuesOf('repo', 'list', '--prefix', 'x', '--p')).values).toEqual([]);
    expect((await valuesOf('repo', 'list', '--coordinator', 'x:1', '--coo')).values).toEqual(['--coordinator']);
    expect((await valuesOf('cluster', 'up', '--report')).values).toEqual([]);
  });

  it('offers the values of a flag, in every spelling', async () => {
    expect((await valuesOf('repo', 'list', '-o', 'js')).values).toEqual(['json', 'jsonl']);
    expect((await valuesOf('repo', 'list', '--output', 'ya')).values).toEqual(['yaml']);
    expect((await valuesOf('repo', 'list', '--format=ya')).values).toEqual(['--format=yaml']);
    expect((await valuesOf('repo', 'create', 'a/b', '--object-format', '')).values).toEqual(['sha1', 'sha256']);
    expect((await valuesOf('repo', 'list', '--prefix', '')).values).toEqual([]);
  });

  it('offers the commands below a command’s topic, and the scopes of a leader', async () => {
    expect((await valuesOf('cluster', 'member', '')).values).toEqual(['add', 'list', 'remove']);
    const { candidates } = await complete(commandTable, ['cluster', 'mem'], names);
    expect(candidates).toEqual([{ value: 'member', description: expect.stringContaining('consensus engine') }]);
    expect((await valuesOf('leader', 'watch', '--scope', 'co')).values).toEqual(['coordinator', 'consensus']);
  });

  it('offers contexts where one is named', async () => {
    expect((await valuesOf('context', 'use', 'l')).values).toEqual(['local']);
    expect((await valuesOf('repo', 'list', '--context', '')).values).toEqual(['ci', 'local']);
    expect((await valuesOf('context', 'use', 'local', '')).values).toEqual([]);
  });

  it('leaves paths to the shell', async () => {
    expect(await valuesOf('object', 'put', '')).toEqual({ values: [], paths: 'files' });
    expect(await valuesOf('object', 'put', '--level', 'all', 'x')).toEqual({ values: [], paths: 'files' });
    expect(await valuesOf('cluster', 'up', '--data-dir', '')).toEqual({ values: [], paths: 'folders' });
  });

  it('offers nothing for a command that there is not', async () => {
    expect(await valuesOf('frobnicate', '')).toEqual({ values: [], paths: 'none' });
    expect(await valuesOf('repo', 'lst', '')).toEqual({ values: [], paths: 'none' });
  });

  it.each([
    ['a partition', ['partition', 'show', '1'], ['1', '10']],
    ['a second one', ['partition', 'show', '0', '1'], ['1', '10']],
    ['a partition’s scope', ['leader', 'show', '--scope', 'partition:1'], ['partition:1', 'partition:10']],
    ['a node', ['partition', 'move', '0', '--to', 'm'], ['metadata-1']],
    ['a node to show', ['node', 'show', ''], ['metadata-1', 'object-1']],
    ['a repository', ['ref', 'log', 'team/a'], ['team/app']],
    ['no repository that is to be created', ['repo', 'create', 'team/a'], []],
    ['a ref of the repository', ['ref', 'log', 'team/app', 'refs/h'], ['refs/heads/main']],
    ['a second ref', ['ref', 'show', 'team/app', 'refs/heads/main', 'refs/t'], ['refs/tags/v1']],
    ['a flag’s repository', ['ring', 'locate', '--repo', 'team/o'], ['team/other']],
  ])('offers what the cluster has: %s', async (_what, words, values) => {
    expect(await valuesOf(...words)).toEqual({ values, paths: 'none' });
  });
});
