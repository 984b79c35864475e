import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type FetchQuestion, fetchKey } from '../../../src/git/fetch-key.ts';
import { parseFetch } from '../../../src/git/fetch-request.ts';
import { encodePkt, readPkts } from '../../../src/git/pkt-line.ts';
import { parseV2Request } from '../../../src/git/protocol-v2.ts';
import { type GitRef, type RefSnapshot, sortRefs } from '../../../src/git/ref-snapshot.ts';

const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((digit) => digit.repeat(40)) as [string, string, string, string];

function snapshotOf(refs: Readonly<Record<string, string | readonly [string, string]>>, head = 'refs/heads/main') {
  const list = Object.entries(refs).map(([name, value]): GitRef => {
    const [objectId, peeledId] = typeof value === 'string' ? [value, ''] : value;
    return { name, objectId, peeledId };
  });
  return { objectFormat: 'sha1', head, refs: sortRefs(list) } satisfies RefSnapshot;
}

const base = { 'refs/heads/main': a, 'refs/heads/old': b, 'refs/tags/light': b, 'refs/tags/v1': [c, a] } as const;

function keyOf(args: readonly string[], change: Partial<FetchQuestion> = {}): string | undefined {
  const request = parseFetch(args, 'sha1');
  if (request === undefined) throw new Error(`not parsed: ${args}`);
  const refs = snapshotOf(base);
  return fetchKey({ repoId: 'r1', request, format: 'sha1', refs, gitVersion: '2.39.5', ...change });
}

const withRefs = (refs: Parameters<typeof snapshotOf>[0], head?: string) => ({ refs: snapshotOf(refs, head) });

describe('fetchKey', () => {
  it('is 64 hex digits', () => {
    expect(keyOf([`want ${a}`])).toMatch(/^[0-9a-f]{64}$/);
  });

  /** A request with everything, from which each test below takes or changes one thing. */
  const full = [
    'thin-pack',
    'include-tag',
    'ofs-delta',
    `shallow ${c}`,
    'deepen 3',
    'deepen-relative',
    'deepen-since 1700000000',
    'deepen-not old',
    'filter blob:none',
    `want ${a}`,
    'want-ref refs/heads/main',
    `have ${b}`,
    'wait-for-done',
    'done',
  ];

  it.each(full)('depends on %j', (line) => {
    expect(keyOf(full.filter((each) => each !== line))).not.toBe(keyOf(full));
  });

  it.each([
    [`want ${a}`, `want ${b}`],
    [`have ${b}`, `have ${a}`],
    [`shallow ${c}`, `shallow ${a}`],
    ['deepen 3', 'deepen 4'],
    ['deepen-since 1700000000', 'deepen-since 1700000001'],
    ['deepen-not old', 'deepen-not light'],
    ['filter blob:none', 'filter tree:0'],
    ['want-ref refs/heads/main', 'want-ref refs/tags/v1'],
    // The same id in another place.
    [`want ${a}`, `shallow ${a}`],
    [`have ${b}`, `want ${b}`],
  ])('changes when %j becomes %j', (before, after) => {
    expect(keyOf(full.map((line) => (line === before ? after : line)))).not.toBe(keyOf(full));
  });

  it.each([
    ['the repository', { repoId: 'r2' }],
    ['the version of git', { gitVersion: '2.47.0' }],
    ['the object format', { format: 'sha256' }],
  ] satisfies [string, Partial<FetchQuestion>][])('depends on %s', (_, change) => {
    expect(keyOf([`want ${a}`], change)).not.toBe(keyOf([`want ${a}`]));
  });

  it.each([
    ['include-tag', { ...base, 'refs/tags/v2': [d, a] }, true],
    ['include-tag', { ...base, 'refs/tags/v1': [d, a] }, true],
    ['include-tag', { 'refs/heads/main': a }, true],
    ['include-tag', { ...base, 'refs/heads/new': d, 'refs/heads/main': b }, false],
    ['include-tag', { ...base, 'refs/tags/light': d, 'refs/tags/lighter': a }, false],
    // git looks for tags to include below refs/tags/ only.
    ['include-tag', { ...base, 'refs/other/v3': [d, a] }, false],
    ['want-ref refs/heads/main', { ...base, 'refs/heads/main': d }, true],
    ['want-ref refs/heads/main', { ...base, 'refs/heads/old': d, 'refs/tags/v2': [d, a] }, false],
    ['want-ref HEAD', { ...base, 'refs/heads/main': d }, true],
    ['deepen-not old', { ...base, 'refs/heads/old': d }, true],
    ['deepen-not old', { ...base, 'refs/heads/main': d, 'refs/tags/v2': [d, a] }, false],
    ['deepen-not HEAD', { ...base, 'refs/heads/main': d }, true],
    ['deepen-relative', { ...base, 'refs/heads/new': d }, true],
    ['ofs-delta', { 'refs/heads/main': d }, false],
  ] as const)('with %j and refs %j is another: %j', (line, refs, isOther) => {
    const args = [`want ${a}`, 'deepen 1', line];
    expect(keyOf(args, withRefs(refs)) !== keyOf(args)).toBe(isOther);
  });

  it('depends on which branch HEAD is when HEAD is named', () => {
    const args = [`want ${a}`, 'want-ref HEAD'];
    expect(keyOf(args, withRefs(base, 'refs/heads/old'))).not.toBe(keyOf(args));
  });

  it.each([
    ['want-ref refs/heads/none', base],
    ['want-ref HEAD', { 'refs/heads/other': a }],
    ['deepen-not none', base],
    ['deepen-not FETCH_HEAD', base],
    ['deepen-not HEAD', { 'refs/heads/other': a }],
    ['deepen-not both', { ...base, 'refs/heads/both': a, 'refs/tags/both': b }],
    ['deepen-not both', { ...base, 'refs/heads/both': a, 'refs/tags/both': a }],
    ['deepen-not HEAD', { ...base, 'refs/heads/HEAD': a }],
  ] as const)('is left out for %j with refs %j', (line, refs) => {
    expect(keyOf([`want ${a}`, line], withRefs(refs))).toBeUndefined();
  });

  it.each([
    ['refs/heads/x', 'refs/heads/x'],
    ['x', 'refs/x'],
    ['x', 'refs/tags/x'],
    ['x', 'refs/heads/x'],
    ['origin/x', 'refs/remotes/origin/x'],
    ['origin', 'refs/remotes/origin/HEAD'],
    ['heads/x', 'refs/heads/x'],
  ])('finds %s for deepen-not at %s', (name, ref) => {
    const args = [`want ${a}`, `deepen-not ${name}`];
    const keys = [b, c].map((id) => keyOf(args, withRefs({ 'refs/heads/main': a, [ref]: id })));
    expect(keys[0]).toBeDefined();
    expect(keys[0]).not.toBe(keys[1]);
  });

  it('is the same however the arguments are ordered and repeated, whoever the client is, with progress or without', () => {
    fc.assert(
      fc.property(
        fc.shuffledSubarray(full, { minLength: full.length }),
        fc.array(fc.constantFrom(...full), { maxLength: 5 }),
        fc.boolean(),
        fc.shuffledSubarray(['agent=git/2.50', 'session-id=17', 'server-option=x', 'object-format=sha1']),
        (shuffled, repeated, isQuiet, capabilities) => {
          const args = [...shuffled, ...repeated.filter((line) => !line.startsWith('filter'))];
          const request = requestOf(['command=fetch', ...capabilities], args);
          expect(keyOf([...(request?.args ?? []), ...(isQuiet ? ['no-progress'] : [])])).toBe(keyOf(full));
        },
      ),
    );
  });

  it('hashes the tags of a snapshot once', () => {
    let reads = 0;
    const refs: GitRef[] = [{ name: 'refs/tags/v1', objectId: c, peeledId: a }];
    const snapshot: RefSnapshot = {
      objectFormat: 'sha1',
      head: 'refs/heads/main',
      get refs() {
        reads += 1;
        return refs;
      },
    };
    const keys = Array.from({ length: 3 }, () => keyOf([`want ${a}`, 'include-tag'], { refs: snapshot }));
    expect(new Set(keys).size).toBe(1);
    expect(reads).toBe(1);
  });
});

function requestOf(header: readonly string[], args: readonly string[]) {
  const line = (text: string) =>
    encodePkt(`${text}
`);
  const bytes = [...header.map(line), Buffer.from('0001'), ...args.map(line), Buffer.from('0000')];
  return parseV2Request(readPkts(Buffer.concat(bytes)));
}
