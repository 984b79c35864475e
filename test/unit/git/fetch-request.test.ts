import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalFetch, encodeFetch, type FetchRequest, parseFetch } from '../../../src/git/fetch-request.ts';
import { readPkts } from '../../../src/git/pkt-line.ts';
import { parseV2Request } from '../../../src/git/protocol-v2.ts';

const [a, b, c] = ['a', 'b', 'c'].map((digit) => digit.repeat(40)) as [string, string, string];

function parse(...args: string[]): FetchRequest {
  const request = parseFetch(args, 'sha1');
  if (request === undefined) throw new Error(`not parsed: ${args}`);
  return request;
}

/** The arguments that git is given in the end. */
function sent(request: FetchRequest): readonly string[] {
  const body = encodeFetch(request, 'sha1');
  return parseV2Request(readPkts(body))?.args ?? [];
}

describe('parseFetch', () => {
  it('reads every argument', () => {
    const request = parse(
      'thin-pack',
      'no-progress',
      'include-tag',
      'ofs-delta',
      'wait-for-done',
      'deepen-relative',
      `shallow ${c}`,
      'deepen 5',
      'deepen-since 1700000000',
      'deepen-not refs/heads/old',
      'deepen-not v1',
      'filter blob:none',
      `want ${a}`,
      'want-ref refs/heads/main',
      `have ${b}`,
      'done',
    );
    expect(request).toMatchObject({
      wants: [a],
      wantRefs: ['refs/heads/main'],
      haves: [b],
      shallows: [c],
      depth: 5,
      deepenSince: 1_700_000_000,
      deepenNots: ['refs/heads/old', 'v1'],
      filter: 'blob:none',
    });
    expect([...request.options].sort()).toEqual([
      'deepen-relative',
      'done',
      'include-tag',
      'no-progress',
      'ofs-delta',
      'thin-pack',
      'wait-for-done',
    ]);
  });

  it.each([
    ['deepen 1', 1],
    ['deepen 2147483647', 2_147_483_647],
  ])('takes %s', (line, depth) => {
    expect(parse(`want ${a}`, line).depth).toBe(depth);
  });

  it('obeys the last of several depths, as git does', () => {
    expect(parse(`want ${a}`, 'deepen 9', 'deepen 2').depth).toBe(2);
    expect(parse(`want ${a}`, 'deepen-since 9', 'deepen-since 2').deepenSince).toBe(2);
  });

  it.each([
    'deepen 0',
    'deepen -1',
    'deepen +1',
    'deepen 010',
    'deepen 0x10',
    'deepen 2147483648',
    'deepen 4294967297',
    'deepen 1000000000000',
    'deepen abc',
    'deepen 1 ',
    'deepen ',
    'deepen',
    'deepen-since 0',
    'deepen-since -1',
    'deepen-since yesterday',
    'deepen-since 18446744073709551615',
    'deepen-not ',
    'deepen-not -x y',
    'deepen-not @{-1}',
    'deepen-not main~3',
    'deepen-not HEAD^',
    'deepen-not b\ufffdd',
    'want',
    'want ',
    `want ${a} `,
    `want ${a}0`,
    `want ${a.toUpperCase()}`,
    `want ${a.slice(1)}`,
    'want main',
    'have xyz',
    'shallow 0',
    'want-ref ',
    'want-ref main',
    'want-ref refs/heads/../x',
    'want-ref refs/heads/b\ufffdd',
    'filter ',
    'filter sparse:oid=main:f',
    'packfile-uris https',
    'sideband-all',
    'done now',
    'done\0',
    'teleport',
    '',
  ])('leaves %j to git', (line) => {
    expect(parseFetch([`want ${a}`, line], 'sha1')).toBeUndefined();
  });

  it('leaves two filters to git, which refuses them', () => {
    expect(parseFetch([`want ${a}`, 'filter blob:none', 'filter blob:none'], 'sha1')).toBeUndefined();
  });

  it.each([[[]], [['done']], [[`have ${a}`, 'wait-for-done']]])('leaves %j, which wants nothing, to git', (args) => {
    expect(parseFetch(args, 'sha1')).toBeUndefined();
  });

  it('takes ids of the length of the format only', () => {
    expect(parseFetch([`want ${'a'.repeat(64)}`], 'sha1')).toBeUndefined();
    expect(parseFetch([`want ${'a'.repeat(64)}`], 'sha256')?.wants).toEqual(['a'.repeat(64)]);
    expect(parseFetch([`want ${a}`], 'sha256')).toBeUndefined();
  });

  it('takes ten thousand wants', () => {
    const ids = Array.from({ length: 10_000 }, (_, index) => index.toString(16).padStart(40, '0'));
    expect(canonicalFetch(parse(...ids.toReversed().map((id) => `want ${id}`))).wants).toEqual(ids);
  });
});

describe('parseFetch of a large request', () => {
  it.each([
    [65_536, 65_536],
    [65_537, undefined],
  ])('of %i lines takes %j', (count, taken) => {
    expect(parseFetch(Array<string>(count).fill(`want ${a}`), 'sha1')?.wants.length).toBe(taken);
  });
});

describe('canonicalFetch', () => {
  it('sorts, removes repetitions, and keeps progress out', () => {
    const request = parse(`want ${b}`, `want ${a}`, `have ${c}`, `have ${a}`, `have ${c}`, `want ${b}`, 'thin-pack');
    expect(sent(canonicalFetch(request))).toEqual([
      'thin-pack',
      'no-progress',
      `want ${a}`,
      `want ${b}`,
      `have ${a}`,
      `have ${c}`,
    ]);
  });

  it.each([
    [[`want ${a}`, 'thin-pack'], false],
    [[`want ${a}`, 'thin-pack', `have ${b}`], true],
    // What the client's boundary leads to is known to be there.
    [[`want ${a}`, 'thin-pack', `shallow ${b}`], true],
  ])('of %j keeps thin-pack: %j', (args, isKept) => {
    expect(canonicalFetch(parse(...args)).options.has('thin-pack')).toBe(isKept);
  });

  it('keeps deepen-relative only beside a depth', () => {
    expect(canonicalFetch(parse(`want ${a}`, 'deepen-relative')).options.has('deepen-relative')).toBe(false);
    expect(canonicalFetch(parse(`want ${a}`, 'deepen-relative', 'deepen 1')).options.has('deepen-relative')).toBe(true);
  });

  it('says for every request all that it said, in an order of its own, and nothing new when asked again', () => {
    fc.assert(
      fc.property(argumentLists, (args) => {
        const canonical = canonicalFetch(parse(...args));
        const lines = sent(canonical);
        expect(new Set(lines).size).toBe(lines.length);
        const dropped = (line: string) => ['thin-pack', 'deepen-relative'].includes(line);
        expect(new Set([...lines, ...args.filter(dropped)])).toEqual(
          new Set([...args, 'no-progress', ...lines.filter(dropped)]),
        );
        expect(sent(canonicalFetch(parse(...lines)))).toEqual(lines);
      }),
    );
  });
});

const ids = fc.stringMatching(/^[0-9a-f]{40}$/);
const lineOf = (name: string, value: fc.Arbitrary<string | number>) => value.map((text) => `${name} ${text}`);
const argumentLists = fc
  .tuple(
    fc.array(lineOf('want', ids), { minLength: 1, maxLength: 5 }),
    fc.array(
      fc.oneof(
        lineOf('have', ids),
        lineOf('shallow', ids),
        lineOf('want-ref', fc.constantFrom('HEAD', 'refs/heads/main', 'refs/heads/ä')),
        lineOf('deepen-not', fc.constantFrom('HEAD', 'main', 'refs/tags/v1')),
        fc.constantFrom('thin-pack', 'include-tag', 'ofs-delta', 'no-progress', 'done', 'wait-for-done'),
        fc.constant('deepen-relative'),
      ),
      { maxLength: 12 },
    ),
    fc.option(lineOf('deepen', fc.integer({ min: 1, max: 2_147_483_647 })), { nil: undefined }),
    fc.option(lineOf('deepen-since', fc.integer({ min: 1 })), { nil: undefined }),
    fc.option(lineOf('filter', fc.constantFrom('blob:none', 'tree:2')), { nil: undefined }),
  )
  .map(([wants, others, ...single]) => [...wants, ...others, ...single.filter((line) => line !== undefined)]);
