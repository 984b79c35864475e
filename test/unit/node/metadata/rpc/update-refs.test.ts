import { describe, expect, it } from 'vitest';
import { ObjectFormat, RefCommand } from '../../../../../src/rpc/gen/stratum/v1/metadata.ts';
import { command, id, pack, zero } from '../sample-requests.ts';
import { sampleService } from '../sample-service.ts';

const push = { repo: 'team/app', pushId: Buffer.alloc(16, 1), actor: 'ada' };

async function withRefs(refs: Readonly<Record<string, string>> = {}) {
  const sample = sampleService();
  const { calls } = sample;
  const { id: repoId } = await sample.newRepo();
  const commands = Object.entries(refs).map(([name, value]) => command(name, '', value));
  if (commands.length > 0) await calls.updateRefs({ repo: 'team/app', repoId, commands });
  const refsNow = async () => {
    const { refs: now } = await calls.getRefs({ repo: 'team/app' });
    return Object.fromEntries(now.map(({ name, objectId }) => [name, objectId]));
  };
  return { ...sample, repoId, refsNow };
}

describe('UpdateRefs', () => {
  it('creates, moves and deletes refs and answers in the order of the commands', async () => {
    const { calls, repoId, refsNow } = await withRefs({ 'refs/heads/a': '1', 'refs/heads/b': '1' });
    const commands = [
      command('refs/heads/c', '', '3'),
      command('refs/heads/a', '1', '2'),
      command('refs/heads/b', '1', ''),
    ];
    expect(await calls.updateRefs({ ...push, repoId, commands })).toEqual({
      results: commands.map(({ name }) => ({ name, updated: true, errorCode: '', errorMessage: '' })),
      refsGeneration: 3n,
      replayed: false,
    });
    expect(await refsNow()).toEqual({ 'refs/heads/a': id('2'), 'refs/heads/c': id('3') });
    expect((await calls.getRepo({ name: 'team/app' })).repo).toMatchObject({ refCount: 2n, refsGeneration: 3n });
  });

  it.each([
    [
      'a value that is another one by now',
      command('refs/heads/a', 'x', '2'),
      `cannot lock ref 'refs/heads/a': is at ${id('1')} but expected ${id('x')}`,
    ],
    [
      'a new ref that is there',
      command('refs/heads/a', '', '2'),
      "cannot lock ref 'refs/heads/a': reference already exists",
    ],
    [
      'a move of what is not there',
      command('refs/heads/z', '1', '2'),
      "cannot lock ref 'refs/heads/z': unable to resolve reference 'refs/heads/z'",
    ],
    [
      'a deletion of what is not there',
      command('refs/heads/z', '1', ''),
      "cannot lock ref 'refs/heads/z': unable to resolve reference 'refs/heads/z'",
    ],
    [
      'a ref in the place of a folder',
      command('refs/heads/f', '', '2'),
      "cannot lock ref 'refs/heads/f': 'refs/heads/f/g' exists; cannot create 'refs/heads/f'",
    ],
    [
      'a folder in the place of a ref',
      command('refs/heads/a/b/c', '', '2'),
      "cannot lock ref 'refs/heads/a/b/c': 'refs/heads/a' exists; cannot create 'refs/heads/a/b/c'",
    ],
  ])('refuses %s with git’s words, and does the rest', async (_, refused, errorMessage) => {
    const { calls, repoId, refsNow } = await withRefs({ 'refs/heads/a': '1', 'refs/heads/f/g': '1' });
    const { results } = await calls.updateRefs({
      ...push,
      repoId,
      commands: [refused, command('refs/heads/new', '', '9')],
    });
    expect(results).toEqual([
      { name: refused.name, updated: false, errorCode: 'REF_CONFLICT', errorMessage },
      { name: 'refs/heads/new', updated: true, errorCode: '', errorMessage: '' },
    ]);
    expect(await refsNow()).toEqual({ 'refs/heads/a': id('1'), 'refs/heads/f/g': id('1'), 'refs/heads/new': id('9') });
  });

  it.each([
    ['a bad name', command('refs/heads/a..b', '', '1'), 'REF_NAME_INVALID', /funny refname/],
    ['a name outside refs/', command('HEAD', '', '1'), 'REF_NAME_INVALID', /funny refname/],
    ['a name that would take a whole name space', command('refs/heads', '', '1'), 'REF_NAME_INVALID', /funny refname/],
    ['an absurd name', command(`refs/heads/${'a/'.repeat(1_000)}b`, '', '1'), 'REF_NAME_INVALID', /longer/],
    [
      'a short id',
      RefCommand.create({ name: 'refs/heads/n', oldId: zero, newId: 'abc' }),
      'INVALID_ARGUMENT',
      /new id/,
    ],
    [
      'an id in capitals',
      RefCommand.create({ name: 'refs/heads/n', oldId: zero, newId: 'A'.repeat(40) }),
      'INVALID_ARGUMENT',
      /new id/,
    ],
    [
      'an id of the other format',
      RefCommand.create({ name: 'refs/heads/n', oldId: '0'.repeat(64), newId: id('1') }),
      'INVALID_ARGUMENT',
      /old id/,
    ],
    ['a bad peeled id', { ...command('refs/tags/n', '', '1'), newPeeledId: 'x' }, 'INVALID_ARGUMENT', /peeled id/],
    ['nothing to nothing', command('refs/heads/n', '', ''), 'INVALID_ARGUMENT', /no ref/],
  ])('refuses %s, each command for itself', async (_, refused, code, words) => {
    const { calls, repoId, refsNow } = await withRefs();
    const commands = [refused, command('refs/heads/ok', '', '1')];
    const { results } = await calls.updateRefs({ ...push, repoId, commands });
    expect(results[0]).toMatchObject({ name: refused.name, updated: false, errorCode: code });
    expect(results[0]?.errorMessage).toMatch(words);
    expect(results[1]).toMatchObject({ updated: true });
    expect(await refsNow()).toEqual({ 'refs/heads/ok': id('1') });
  });

  it('refuses all commands for a ref that is named twice', async () => {
    const { calls, repoId, refsNow } = await withRefs();
    const commands = [
      command('refs/heads/a', '', '1'),
      command('refs/heads/b', '', '1'),
      command('refs/heads/a', '', '2'),
    ];
    const { results } = await calls.updateRefs({ ...push, repoId, commands });
    expect(results.map(({ updated }) => updated)).toEqual([false, true, false]);
    expect(results[0]?.errorMessage).toBe("multiple updates for ref 'refs/heads/a' not allowed");
    expect(await refsNow()).toEqual({ 'refs/heads/b': id('1') });
  });

  it.each([
    ['a stale value', command('refs/heads/a', 'x', '2')],
    ['a bad name', command('refs/heads/a..b', '', '2')],
  ])('does nothing at all in an atomic push with %s', async (_, bad) => {
    const { calls, repoId, refsNow } = await withRefs({ 'refs/heads/a': '1' });
    const commands = [command('refs/heads/ok', '', '1'), bad];
    const { results, refsGeneration } = await calls.updateRefs({
      ...push,
      repoId,
      commands,
      atomic: true,
      packs: [pack(1)],
    });
    expect(results).toMatchObject([
      { updated: false, errorCode: 'REF_CONFLICT', errorMessage: 'atomic push failure' },
      { updated: false, errorMessage: expect.not.stringContaining('atomic') },
    ]);
    expect(refsGeneration).toBe(2n);
    expect(await refsNow()).toEqual({ 'refs/heads/a': id('1') });
    expect(await calls.getRepo({ name: 'team/app', includePacks: true })).toMatchObject({
      packs: [],
      repo: { packCount: 0n, packsGeneration: 1n, refCount: 1n },
    });
  });

  it.each([
    [
      'a ref by a folder',
      { 'refs/heads/a': '1' },
      [command('refs/heads/a', '1', ''), command('refs/heads/a/b', '', '2')],
    ],
    [
      'a folder by a ref',
      { 'refs/heads/a/b': '1', 'refs/heads/a/c': '1' },
      [command('refs/heads/a', '', '2'), command('refs/heads/a/b', '1', ''), command('refs/heads/a/c', '1', '')],
    ],
  ])('lets one push replace %s', async (_, refs, commands) => {
    for (const atomic of [true, false]) {
      const { calls, repoId, refsNow } = await withRefs(refs);
      const { results } = await calls.updateRefs({ ...push, repoId, commands, atomic });
      expect(results.every(({ updated }) => updated)).toBe(true);
      expect(Object.values(await refsNow())).toEqual([id('2')]);
    }
  });

  it('does not make room by a deletion that fails', async () => {
    const { calls, repoId, refsNow } = await withRefs({ 'refs/heads/a': '1' });
    const commands = [command('refs/heads/a', 'x', ''), command('refs/heads/a/b', '', '2')];
    const { results } = await calls.updateRefs({ ...push, repoId, commands });
    expect(results.map(({ updated }) => updated)).toEqual([false, false]);
    expect(await refsNow()).toEqual({ 'refs/heads/a': id('1') });
  });

  it.each([
    ['the folder first', ['refs/heads/n/m', 'refs/heads/n']],
    ['the ref first', ['refs/heads/n', 'refs/heads/n/m']],
  ])('lets only the first of two new names that exclude each other have its place: %s', async (_, names) => {
    const { calls, repoId, refsNow } = await withRefs();
    const { results } = await calls.updateRefs({
      ...push,
      repoId,
      commands: names.map((name) => command(name, '', '1')),
    });
    expect(results.map(({ updated }) => updated)).toEqual([true, false]);
    expect(Object.keys(await refsNow())).toEqual([names[0]]);
  });

  it('adds packs when a command succeeds, each once, and none when all fail', async () => {
    const { calls, repoId } = await withRefs({ 'refs/heads/a': '1' });
    const packNames = async () =>
      (await calls.getRepo({ name: 'team/app', includePacks: true })).packs.map(({ name }) => name);
    await calls.updateRefs({
      repo: 'team/app',
      repoId,
      commands: [command('refs/heads/a', 'x', '2')],
      packs: [pack(1)],
    });
    expect(await packNames()).toEqual([]);
    const packs = [pack(1), pack(2), pack(1)];
    await calls.updateRefs({ repo: 'team/app', repoId, commands: [command('refs/heads/a', '1', '2')], packs });
    await calls.updateRefs({
      repo: 'team/app',
      repoId,
      commands: [command('refs/heads/a', '2', '3')],
      packs: [pack(2)],
    });
    expect(await packNames()).toEqual([pack(1).name, pack(2).name]);
    expect((await calls.getRepo({ name: 'team/app' })).repo).toMatchObject({ packCount: 2n, packsGeneration: 2n });
  });

  it('raises the generation only when a ref changed', async () => {
    const { calls, repoId } = await withRefs({ 'refs/heads/a': '1' });
    const same = await calls.updateRefs({ repo: 'team/app', repoId, commands: [command('refs/heads/a', '1', '1')] });
    expect(same).toMatchObject({ results: [{ updated: true }], refsGeneration: 2n });
    const none = await calls.updateRefs({ repo: 'team/app', repoId, commands: [command('refs/heads/a', '9', '1')] });
    expect(none).toMatchObject({ results: [{ updated: false }], refsGeneration: 2n });
  });

  it('answers a repeated push as the first time, whatever has happened since', async () => {
    const { calls, repoId, refsNow } = await withRefs({ 'refs/heads/a': '1' });
    const commands = [
      command('refs/heads/a', '1', '2'),
      command('refs/heads/a..', '', '1'),
      command('refs/heads/b', 'x', '1'),
    ];
    const first = await calls.updateRefs({ ...push, repoId, commands, packs: [pack(1)] });
    expect(first.results.map(({ updated }) => updated)).toEqual([true, false, false]);
    await calls.updateRefs({ repo: 'team/app', repoId, commands: [command('refs/heads/a', '2', '3')] });
    const again = await calls.updateRefs({ ...push, repoId, commands, packs: [pack(1)] });
    expect(again).toEqual({ ...first, replayed: true });
    expect(await refsNow()).toEqual({ 'refs/heads/a': id('3') });
    expect((await calls.getRepoLog({ repo: 'team/app' })).entries).toHaveLength(3);
  });

  it('carries out once what the same push asks many times at once', async () => {
    const { calls, repoId } = await withRefs();
    const request = { ...push, repoId, commands: [command('refs/heads/a', '', '1')] };
    const answers = await Promise.all(Array.from({ length: 10 }, () => calls.updateRefs(request)));
    expect(answers.filter(({ replayed }) => !replayed)).toHaveLength(1);
    expect(answers.every(({ results }) => results[0]?.updated)).toBe(true);
  });

  it('remembers a push for a day, also when another process has become the primary', async () => {
    const { calls, repoId, clock, logs, topology } = await withRefs();
    const request = { ...push, repoId, commands: [command('refs/heads/a', '', '1')] };
    await calls.updateRefs(request);
    clock.advance(24 * 3_600_000);
    const { calls: later } = sampleService({ logs, topology, clock });
    const other = (name: string) => later.updateRefs({ repo: 'team/app', repoId, commands: [command(name, '', '1')] });
    await other('refs/heads/b');
    expect(await later.updateRefs(request)).toMatchObject({ replayed: true, results: [{ updated: true }] });
    clock.advance(1);
    await other('refs/heads/c');
    expect(await later.updateRefs(request)).toMatchObject({ replayed: false, results: [{ updated: false }] });
  });

  it('does not answer another push that has the same id', async () => {
    const { calls, repoId } = await withRefs();
    await calls.updateRefs({ ...push, repoId, commands: [command('refs/heads/a', '', '1')] });
    const other = calls.updateRefs({ ...push, repoId, commands: [command('refs/heads/a', '', '2')] });
    await expect(other).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', details: { field: 'push_id' } });
  });

  it('lets exactly one of many pushes to one ref win', async () => {
    const { calls, repoId, refsNow } = await withRefs({ 'refs/heads/a': '1' });
    const answers = await Promise.all(
      Array.from({ length: 30 }, (_, at) =>
        calls.updateRefs({ repo: 'team/app', repoId, commands: [command('refs/heads/a', '1', `v${at}`)] }),
      ),
    );
    const winners = answers.flatMap(({ results }, at) => (results[0]?.updated ? [at] : []));
    expect(winners).toHaveLength(1);
    expect(await refsNow()).toEqual({ 'refs/heads/a': id(`v${winners[0]}`) });
  });

  it('refuses a repository that was deleted and made again', async () => {
    const { calls, repoId, newRepo, refsNow } = await withRefs();
    await calls.deleteRepo({ name: 'team/app', expectedId: repoId });
    await newRepo();
    const late = calls.updateRefs({ ...push, repoId, commands: [command('refs/heads/a', '', '1')] });
    await expect(late).rejects.toMatchObject({ code: 'REPO_NOT_FOUND' });
    expect(await refsNow()).toEqual({});
  });

  it('takes the ids of a SHA-256 repository', async () => {
    const { calls } = sampleService();
    const { repo } = await calls.createRepo({ name: 'team/app', objectFormat: ObjectFormat.SHA256 });
    const [objectId, peeledId] = ['a'.repeat(64), 'b'.repeat(64)];
    const tag = { name: 'refs/tags/v1', oldId: '0'.repeat(64), newId: objectId, newPeeledId: peeledId };
    const { results } = await calls.updateRefs({ ...push, repoId: repo?.id ?? '', commands: [tag] });
    expect(results).toMatchObject([{ updated: true }]);
    expect((await calls.getRefs({ repo: 'team/app' })).refs).toEqual([{ name: 'refs/tags/v1', objectId, peeledId }]);
  });

  it.each([
    ['without commands', { commands: [] }, 'INVALID_ARGUMENT'],
    ['without a push id', { pushId: Buffer.alloc(0) }, 'INVALID_ARGUMENT'],
    ['with an absurd push id', { pushId: Buffer.alloc(1_000) }, 'INVALID_ARGUMENT'],
    ['with an absurd actor', { actor: 'a'.repeat(10_000) }, 'INVALID_ARGUMENT'],
    ['with a pack that has no content', { packs: [pack(1, { packOid: Buffer.alloc(1) })] }, 'INVALID_ARGUMENT'],
    ['with an impossible repository', { repo: '../x' }, 'INVALID_ARGUMENT'],
    ['with a missing repository', { repo: 'team/none' }, 'REPO_NOT_FOUND'],
    [
      'with too many commands',
      { commands: Array.from({ length: 100_001 }, () => command('refs/heads/a', '', '1')) },
      'TOO_LARGE',
    ],
    [
      'with more than a message holds',
      { commands: Array.from({ length: 30_000 }, (_, at) => command(`refs/heads/${'x'.repeat(900)}${at}`, '', '1')) },
      'TOO_LARGE',
    ],
  ])('refuses a push %s', async (_, changes, code) => {
    const { calls, repoId, refsNow } = await withRefs();
    const request = { ...push, repoId, commands: [command('refs/heads/a', '', '1')], ...changes };
    await expect(calls.updateRefs(request)).rejects.toMatchObject({ code });
    expect(await refsNow()).toEqual({});
  });
});
