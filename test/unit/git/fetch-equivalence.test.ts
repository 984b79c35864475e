import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { fetchKey } from '../../../src/git/fetch-key.ts';
import { parseFetch } from '../../../src/git/fetch-request.ts';
import { type Answer, ask, canonicalBody, rawFetch } from './fetch-answers.ts';
import { objectsInPack } from './fetch-response.ts';
import { makeRandomHistory, type RandomHistory, type Storage } from './random-history.ts';

const folder = mkdtempSync(join(tmpdir(), 'equivalence-'));
afterAll(() => rmSync(folder, { recursive: true }));

function keyOf(history: RandomHistory, args: readonly string[]): string | undefined {
  const { objectFormat: format } = history;
  const request = parseFetch(args, format);
  if (request === undefined) return undefined;
  const refs = { objectFormat: format, head: 'refs/heads/main', refs: history.refs };
  return fetchKey({ repoId: 'r', request, format, refs, gitVersion: 'x' });
}

/** Acknowledgments without those that another one implies: git since 2.46 leaves them out, depending on the order. */
function withoutImplied(history: RandomHistory, lines: ReadonlySet<string>, haves: readonly string[]): Set<string> {
  const implied = new Set(haves.flatMap((id) => history.parents.get(id) ?? []));
  return new Set([...lines].filter((line) => !implied.has(line.replace('ACK ', ''))));
}

function sectionsOf(history: RandomHistory, answer: Answer, args: readonly string[]) {
  const haves = args.filter((line) => line.startsWith('have ')).map((line) => line.slice(5));
  return new Map(
    [...answer.sections].map(([name, lines]) => [
      name,
      name === 'acknowledgments' ? withoutImplied(history, lines, haves) : lines,
    ]),
  );
}

type Outcome = 'left to git' | 'refused' | 'no pack' | 'pack';

/** Compares the answers to the client's own request and to its canonical form; a difference tells the request. */
async function compare(history: RandomHistory, args: readonly string[]): Promise<Outcome> {
  try {
    return await compareAnswers(history, args);
  } catch (cause) {
    throw new Error(`of the request\n${args.join('\n')}`, { cause });
  }
}

async function compareAnswers(history: RandomHistory, args: readonly string[]): Promise<Outcome> {
  const body = canonicalBody(history, args);
  if (body === undefined) return 'left to git';
  const [own, canonical] = [await ask(history, rawFetch(history, args)), await ask(history, body)];
  // Of several faults, git names the one that it meets first.
  expect(canonical.failure === undefined, `refused: ${own.failure} / ${canonical.failure}`).toBe(
    own.failure === undefined,
  );
  if (keyOf(history, args) === undefined) expect(own.failure).toMatch(/deepen-not|unknown ref|not our ref|shallow/);
  if (own.failure !== undefined) return 'refused';
  expect(keyOf(history, args)).toBeDefined();
  expect(sectionsOf(history, canonical, args)).toEqual(sectionsOf(history, own, args));
  expect(canonical.pack === undefined).toBe(own.pack === undefined);
  if (own.pack === undefined || canonical.pack === undefined) return 'no pack';
  if (!own.pack.equals(canonical.pack)) {
    const [ownObjects, objects] = [own.pack, canonical.pack].map((pack) => objectsInPack(pack, history.gitDir, folder));
    expect(objects).toEqual(ownObjects);
  }
  return 'pack';
}

/** An object of some kind: which one, when it is known how many there are. */
interface ObjectChoice {
  readonly kind: string;
  readonly pick: number;
}

/** A request before it is known what is in the repository. */
interface Recipe {
  readonly wants: readonly ObjectChoice[];
  readonly wantRefs: readonly string[];
  readonly haves: readonly ObjectChoice[];
  readonly shallows: readonly number[];
  readonly deepening: readonly string[];
  readonly filter: string | undefined;
  readonly options: readonly string[];
  readonly order: readonly number[];
}

const pick = fc.nat();
const kinds = { commit: 12, ref: 8, tag: 3, other: 2, unknown: 1 };
const objectChoice = fc.record({
  kind: fc.constantFrom(...Object.entries(kinds).flatMap(([kind, weight]) => Array<string>(weight).fill(kind))),
  pick,
});

function idOf(history: RandomHistory, choice: ObjectChoice): string {
  const refs = history.refs.filter(({ name }) => name.startsWith('refs/heads/')).map(({ objectId }) => objectId);
  const lists: Record<string, readonly string[]> = {
    commit: history.commits,
    ref: refs,
    tag: history.tags,
    other: history.others,
  };
  const list = lists[choice.kind];
  const unknown = choice.pick.toString(16).padStart(8, '0').repeat(8);
  return list?.[choice.pick % list.length] ?? unknown.slice(0, history.objectFormat === 'sha1' ? 40 : 64);
}

const [knownNames, dubiousNames] = [
  ['main', 'refs/heads/next', 'light', 'v1', 'heads/main', 'nested', 'HEAD'],
  ['both', 'none', 'refs/heads/none', 'tags/both', 'refs/tags/a-tree'],
];
const deepening = fc.oneof(
  { weight: 4, arbitrary: fc.constant<readonly string[]>([]) },
  { weight: 6, arbitrary: fc.integer({ min: 1, max: 6 }).map((depth) => [`deepen ${depth}`]) },
  { weight: 2, arbitrary: fc.integer({ min: 1, max: 6 }).map((depth) => [`deepen ${depth}`, 'deepen-relative']) },
  { weight: 1, arbitrary: fc.constant(['deepen 2147483647']) },
  { weight: 3, arbitrary: fc.integer({ min: 0, max: 1000 }).map((permille) => [`since ${permille}`]) },
  { weight: 4, arbitrary: fc.constantFrom(...knownNames).map((name) => [`deepen-not ${name}`]) },
  { weight: 1, arbitrary: fc.constantFrom(...dubiousNames).map((name) => [`deepen-not ${name}`]) },
  { weight: 1, arbitrary: fc.constant(['since 300', 'deepen-not light', 'deepen-not v2']) },
  { weight: 1, arbitrary: fc.constant(['deepen 2', 'since 300']) },
);
const filters = ['blob:none', 'blob:limit=0', 'blob:limit=1k', 'tree:0', 'tree:1', 'tree:2', 'object:type=commit'];
const moreFilters = ['object:type=tag', 'combine:blob:limit=500+tree:3', 'sparse:oid=main:kept.txt'];

const recipe: fc.Arbitrary<Recipe> = fc.record({
  wants: fc.array(objectChoice, { minLength: 1, maxLength: 4 }),
  wantRefs: fc.oneof(
    { weight: 5, arbitrary: fc.constant<readonly string[]>([]) },
    {
      weight: 1,
      arbitrary: fc.array(fc.constantFrom('refs/heads/main', 'HEAD', 'refs/tags/nested', 'refs/x'), { maxLength: 3 }),
    },
  ),
  haves: fc.oneof(
    { weight: 1, arbitrary: fc.constant<readonly ObjectChoice[]>([]) },
    { weight: 1, arbitrary: fc.array(objectChoice, { maxLength: 6 }) },
  ),
  shallows: fc.oneof(
    { weight: 2, arbitrary: fc.constant<readonly number[]>([]) },
    { weight: 1, arbitrary: fc.array(pick, { maxLength: 4 }) },
  ),
  deepening,
  filter: fc.option(fc.constantFrom(...filters, ...moreFilters), { freq: 2, nil: undefined }),
  options: fc.subarray(['thin-pack', 'include-tag', 'ofs-delta', 'no-progress', 'wait-for-done', 'done']),
  order: fc.array(pick, { minLength: 8, maxLength: 8 }),
});

/** The lines of a recipe in an order of its own, some of them twice. */
function linesOf(history: RandomHistory, { order, ...parts }: Recipe): string[] {
  const [fromSec, toSec] = history.timesSec;
  const since = (line: string) =>
    line.replace(
      /^since (\d+)$/,
      (_, permille) => `deepen-since ${fromSec + Math.floor(((toSec - fromSec) * permille) / 1000)}`,
    );
  const lines = [
    ...parts.wants.map((choice) => `want ${idOf(history, choice)}`),
    ...parts.wantRefs.map((name) => `want-ref ${name}`),
    ...parts.haves.map((choice) => `have ${idOf(history, choice)}`),
    ...parts.shallows.map((at) => `shallow ${idOf(history, { kind: 'commit', pick: at })}`),
    ...parts.deepening.map(since),
    ...parts.options,
  ];
  lines.push(...order.slice(4).flatMap((at) => (at % 3 === 0 ? [lines[at % lines.length] ?? ''] : [])));
  if (parts.filter !== undefined) lines.push(`filter ${parts.filter}`);
  for (const [at, other] of order.entries()) {
    const [one, two] = [(at * 7) % lines.length, other % lines.length];
    [lines[one], lines[two]] = [lines[two] ?? '', lines[one] ?? ''];
  }
  return lines;
}

/** Of each history: a request costs four processes. */
const requestCount = 25;

describe('a canonical fetch', () => {
  it.each([
    ['loose', 'sha1'],
    ['packed', 'sha1'],
    ['bitmap', 'sha1'],
    ['packed', 'sha256'],
  ] satisfies [Storage, 'sha1' | 'sha256'][])(
    'is answered as the request that the client sent, from objects that are %s, with %s',
    async (storage, objectFormat) => {
      const outcomes: Outcome[] = [];
      await fc.assert(
        fc.asyncProperty(fc.integer(), async (seed) => {
          const history = makeRandomHistory(folder, { seed, storage, objectFormat });
          const all = fc.sample(recipe, { seed, numRuns: requestCount });
          try {
            for (const each of all) outcomes.push(await compare(history, linesOf(history, each)));
          } finally {
            rmSync(history.gitDir, { recursive: true });
          }
        }),
        // A history takes long to make: the request that fails is told, and not looked for a smaller one.
        { numRuns: 1, endOnFailure: true },
      );
      // A test of requests that are all refused would show nothing.
      expect(outcomes.filter((outcome) => outcome === 'pack').length).toBeGreaterThan(requestCount / 5);
    },
    60_000,
  );
});
