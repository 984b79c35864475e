import { describe, expect, it } from 'vitest';
import { ObjectFormat, type RefCommand } from '../../../../src/rpc/gen/stratum/v1/metadata.ts';
import { type Calls, command, id, pack } from './sample-requests.ts';
import { allPartitions, sampleService } from './sample-service.ts';

const repoId = 'e'.repeat(32);
const token = Buffer.alloc(16, 1);

/** Every method that takes a repository's name, with nothing else wrong. */
const byName: Readonly<Record<string, (calls: Calls, name: string) => Promise<unknown>>> = {
  createRepo: (calls, name) => calls.createRepo({ name }),
  deleteRepo: (calls, name) => calls.deleteRepo({ name, expectedId: repoId }),
  'renameRepo from': (calls, name) => calls.renameRepo({ name, expectedId: repoId, newName: 'a/b' }),
  'renameRepo to': (calls, newName) => calls.renameRepo({ name: 'team/app', expectedId: repoId, newName }),
  restoreRepo: (calls, newName) => calls.restoreRepo({ id: repoId, newName, home: 0 }),
  getRepo: (calls, name) => calls.getRepo({ name }),
  getRefs: (calls, repo) => calls.getRefs({ repo }),
  getRepoLog: (calls, repo) => calls.getRepoLog({ repo }),
  setHead: (calls, repo) => calls.setHead({ repo, repoId, head: 'refs/heads/a' }),
  replacePacks: (calls, repo) => calls.replacePacks({ repo, repoId, add: [pack(1)] }),
  acquireMaintenance: (calls, repo) => calls.acquireMaintenance({ repo, repoId, holder: 'f1', ttlMs: 1n }),
  releaseMaintenance: (calls, repo) => calls.releaseMaintenance({ repo, repoId, holder: 'f1' }),
  updateRefs: (calls, repo) => calls.updateRefs({ repo, repoId, commands: [command('refs/heads/a', '', '1')] }),
  reserveName: (calls, name) => calls.reserveName({ name, repoId, token }),
  releaseName: (calls, name) => calls.releaseName({ name, token }),
};

const tricks = [
  'app',
  '/team/app',
  'team//app',
  'team/app/',
  'team/../app',
  'team/..',
  './team/app',
  'team/.hidden',
  'team/-rf',
  'team/app.lock',
  'team/app.git/x',
  'team/a b',
  'team/a\\b',
  'team/a\0b',
  'team/a\nb',
  'team/ａ',
  'team/app%2f..',
  'a/b/c/d/e/f/g/h/i',
  `team/${'a'.repeat(101)}`,
  `team/${'a'.repeat(1_000_000)}`,
];

/** Bad commands in a repository whose refs are refs/heads/a and refs/heads/d/e, both at 1; with the words that git has for each. */
const badCommands: readonly (readonly [string, RefCommand, string])[] = [
  ['a wrong old id', command('refs/heads/a', '2', '3'), `is at ${id('1')} but expected ${id('2')}`],
  ['a new ref that is there', command('refs/heads/a', '', '3'), 'reference already exists'],
  ['an update of what is not there', command('refs/heads/z', '1', '3'), "unable to resolve reference 'refs/heads/z'"],
  ['a deletion of what is not there', command('refs/heads/z', '1', ''), "unable to resolve reference 'refs/heads/z'"],
  ['a deletion with a wrong old id', command('refs/heads/a', '2', ''), `is at ${id('1')} but expected ${id('2')}`],
  ['a ref below a ref', command('refs/heads/a/b', '', '3'), "'refs/heads/a' exists; cannot create 'refs/heads/a/b'"],
  ['a ref above a ref', command('refs/heads/d', '', '3'), "'refs/heads/d/e' exists; cannot create 'refs/heads/d'"],
  ...[
    'refs/heads/a..b',
    'refs/heads/.a',
    'refs/heads/a.lock',
    'refs/heads/a/',
    'refs/heads//a',
    'refs/heads/a.',
    'refs/heads/a b',
    'refs/heads/a~1',
    'refs/heads/a^',
    'refs/heads/a:b',
    'refs/heads/a?',
    'refs/heads/a*',
    'refs/heads/a[',
    'refs/heads/a\\b',
    'refs/heads/a@{1}',
    'refs/heads/a\x7f',
    'refs/heads/a\n',
    'heads/a',
    'HEAD',
    '../refs/heads/a',
    '',
    'refs/heads',
    `refs/heads/${'x'.repeat(251)}`,
    `refs/${'abc/'.repeat(300)}x`,
  ].map((name): [string, RefCommand, string] => {
    return [`the name ${JSON.stringify(name.slice(0, 20))}`, command(name, '', '3'), 'funny refname'];
  }),
];

async function withRefs() {
  const sample = sampleService();
  const { calls } = sample;
  const repo = await sample.newRepo();
  const commands = [command('refs/heads/a', '', '1'), command('refs/heads/d/e', '', '1')];
  await calls.updateRefs({ repo: 'team/app', repoId: repo.id, commands, packs: [pack(1)] });
  /** All that a reader can see. */
  const seen = async () => ({
    repo: await calls.getRepo({ name: 'team/app', includePacks: true }),
    refs: await calls.getRefs({ repo: 'team/app' }),
    log: await calls.getRepoLog({ repo: 'team/app' }),
    listed: await calls.listRepos({ partitions: allPartitions }),
  });
  return { ...sample, repo, seen };
}

describe('bad input', () => {
  it.each(Object.keys(byName))('%s refuses names with tricks, and nothing is logged', async (method) => {
    const { calls, logs } = sampleService();
    for (const name of [...tricks, 'team/app.git']) {
      await expect(byName[method]?.(calls, name), JSON.stringify(name.slice(0, 40))).rejects.toMatchObject({
        code: 'INVALID_ARGUMENT',
      });
    }
    expect(allPartitions.flatMap((partition) => logs.of(partition).log)).toEqual([]);
  });

  it.each(badCommands)('in a push, %s, is refused in git’s words, and nothing is changed', async (_, bad, words) => {
    const { calls, repo, seen } = await withRefs();
    const before = await seen();
    for (const atomic of [false, true]) {
      const push = { repo: 'team/app', repoId: repo.id, commands: [bad], packs: [pack(2)], atomic };
      const { results, refsGeneration } = await calls.updateRefs(push);
      expect(results).toMatchObject([{ name: bad.name, updated: false }]);
      expect(results[0]?.errorMessage).toContain(words);
      expect(refsGeneration).toBe(2n);
      expect(await seen()).toEqual(before);
    }
  });

  it.each([
    ['changed twice', [command('refs/heads/a', '1', '2'), command('refs/heads/a', '2', '3')]],
    ['made twice', [command('refs/heads/n', '', '2'), command('refs/heads/n', '', '2')]],
    ['deleted and made', [command('refs/heads/a', '1', ''), command('refs/heads/a', '', '3')]],
  ])('in a push, one ref that is %s, is refused in git’s words, and nothing is changed', async (_, commands) => {
    const { calls, repo, seen } = await withRefs();
    const before = await seen();
    const { results } = await calls.updateRefs({ repo: 'team/app', repoId: repo.id, commands, packs: [pack(2)] });
    const [first] = commands;
    const errorMessage = `multiple updates for ref '${first?.name}' not allowed`;
    expect(results).toMatchObject(commands.map(() => ({ updated: false, errorMessage })));
    expect(await seen()).toEqual(before);
  });

  it.each([
    ['too many commands', { commands: Array.from({ length: 100_001 }, () => command('refs/heads/x', '', '1')) }],
    ['too many packs', { packs: Array.from({ length: 100_001 }, () => pack(2)) }],
  ])('in a push, %s, is refused whole, and nothing is changed', async (_, changes) => {
    const { calls, repo, seen } = await withRefs();
    const before = await seen();
    const commands = [command('refs/heads/x', '', '1')];
    const push = calls.updateRefs({ repo: 'team/app', repoId: repo.id, commands, ...changes });
    await expect(push).rejects.toMatchObject({ code: 'TOO_LARGE', details: { limit: 100_000n, actual: 100_001n } });
    expect(await seen()).toEqual(before);
  });

  it('of the other object format is refused, each command for itself', async () => {
    const { calls } = sampleService();
    const { repo } = await calls.createRepo({ name: 'team/app', objectFormat: ObjectFormat.SHA256 });
    const commands = [command('refs/heads/a', '', '1')];
    const { results } = await calls.updateRefs({ repo: 'team/app', repoId: repo?.id ?? '', commands });
    expect(results).toMatchObject([{ updated: false, errorCode: 'INVALID_ARGUMENT' }]);
  });
});
