import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ask, canonicalBody, rawFetch } from './fetch-answers.ts';
import { objectsInPack } from './fetch-response.ts';
import { makeRandomHistory, type RandomHistory } from './random-history.ts';

const folder = mkdtempSync(join(tmpdir(), 'bad-fetch-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('a bad fetch', () => {
  let history: RandomHistory;
  beforeAll(() => {
    history = makeRandomHistory(folder, { seed: 7, storage: 'packed', objectFormat: 'sha1' });
  });

  const ghost = 'f'.repeat(40);
  const main = () => history.refs.find(({ name }) => name === 'refs/heads/main')?.objectId ?? '';
  const tree = () => history.others[0] ?? '';

  /** What a frontend has git answer. */
  const served = (args: readonly string[]) => ask(history, canonicalBody(history, args) ?? rawFetch(history, args));

  it.each([
    ['a want that is nowhere', () => [`want ${ghost}`], `upload-pack: not our ref ${ghost}`],
    ['a want beside a good one', () => [`want ${main()}`, `want ${ghost}`], `upload-pack: not our ref ${ghost}`],
    ['half a want', () => ['want'], "fatal: unexpected line: 'want'"],
    [
      'a want of half an id',
      () => ['want abc'],
      "fatal: git upload-pack: protocol error, expected to get oid, not 'want abc'",
    ],
    ['a want-ref that is nowhere', () => ['want-ref refs/heads/none'], 'unknown ref refs/heads/none'],
    ['half a have', () => [`want ${main()}`, 'have 12'], "fatal: git upload-pack: expected SHA1 object, got '12'"],
    ['a shallow of half an id', () => [`want ${main()}`, 'shallow 1'], 'fatal: invalid shallow line: shallow 1'],
    ['a shallow tree', () => [`want ${main()}`, `shallow ${tree()}`], /^fatal: invalid shallow object [0-9a-f]{40}$/],
    ...['0', '-1', '2147483648', '1000000000000', 'abc', ''].map((depth) => {
      const fault = `fatal: Invalid deepen: deepen ${depth}`;
      return [`the depth '${depth}'`, () => [`want ${main()}`, `deepen ${depth}`], fault] as const;
    }),
    [
      'a time that is none',
      () => [`want ${main()}`, 'deepen-since now'],
      'fatal: Invalid deepen-since: deepen-since now',
    ],
    [
      'a depth and a time',
      () => [`want ${main()}`, 'deepen 1', 'deepen-since 1700000000'],
      'fatal: git upload-pack: deepen and deepen-since (or deepen-not) cannot be used together',
    ],
    [
      'deepen-not of a name with two meanings',
      () => [`want ${main()}`, 'deepen-not both'],
      'fatal: git upload-pack: ambiguous deepen-not: deepen-not both',
    ],
    [
      'deepen-not of a name without meaning',
      () => [`want ${main()}`, 'deepen-not none'],
      /^fatal: git upload-pack: (ambiguous deepen-not|deepen-not is not a ref): deepen-not none$/,
    ],
    ['a filter that is none', () => [`want ${main()}`, 'filter no'], "fatal: invalid filter-spec 'no'"],
    [
      'two filters',
      () => [`want ${main()}`, 'filter blob:none', 'filter blob:none'],
      'fatal: multiple filter-specs cannot be combined',
    ],
    [
      'a filter by path',
      () => [`want ${main()}`, 'filter sparse:path=x'],
      'fatal: sparse:path filters support has been dropped',
    ],
    ['a line that is unknown', () => [`want ${main()}`, 'teleport'], "fatal: unexpected line: 'teleport'"],
    [
      'sideband-all, which is not offered',
      () => [`want ${main()}`, 'sideband-all'],
      "fatal: unexpected line: 'sideband-all'",
    ],
  ] as const)('with %s is refused in the words of git', async (_, args, fault) => {
    const answer = await served(args());
    expect(answer.failure).toEqual(typeof fault === 'string' ? fault : expect.stringMatching(fault));
    expect(answer).toEqual(await ask(history, rawFetch(history, args())));
  });

  it('of ten thousand wants that are nowhere is refused for one of them', async () => {
    const wants = Array.from({ length: 10_000 }, (_, at) => `want ${(at + 1).toString(16).padStart(40, '0')}`);
    expect(await served(wants.toReversed())).toEqual(await ask(history, rawFetch(history, wants)));
  });

  it.each([
    [
      'ten thousand wants',
      () => Array.from({ length: 10_000 }, (_, at) => `want ${history.commits[at % history.commits.length]}`),
    ],
    ['haves that are nowhere', () => [`want ${main()}`, `have ${ghost}`, `have ${'e'.repeat(40)}`, 'done']],
    ['a boundary that is nowhere', () => [`want ${main()}`, `shallow ${ghost}`, 'deepen 1']],
    ['a depth beyond the history', () => [`want ${main()}`, 'deepen 2147483647']],
    ['a depth that wraps around in git', () => [`want ${main()}`, 'deepen 4294967297']],
    ['an id that no ref reaches', () => [`want ${tree()}`]],
    ['the whole history known', () => [`want ${main()}`, `have ${main()}`]],
    ['the whole history known, and a wait for done', () => [`want ${main()}`, `have ${main()}`, 'wait-for-done']],
    ['nothing wanted', () => [`have ${main()}`, 'done']],
  ])('with %s is served as git serves it', async (_, args) => {
    const [own, answer] = [await ask(history, rawFetch(history, args())), await served(args())];
    expect(answer.failure).toBeUndefined();
    expect(answer.sections).toEqual(own.sections);
    const objects = [own, answer].map(({ pack }) => pack && objectsInPack(pack, history.gitDir, folder));
    expect(objects[1]).toEqual(objects[0]);
  });
});
