import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EncodedRefs, type RefLines } from '../../../src/git/encoded-refs.ts';
import { encodeLsRefs, parseLsRefs, refPrefixesMax } from '../../../src/git/ls-refs.ts';
import type { RefSnapshot } from '../../../src/git/ref-snapshot.ts';
import { makeRandomHistory, type RandomHistory } from './random-history.ts';
import { askRealGit, rawBody } from './real-upload-pack.ts';

const [a, b, c] = ['a', 'b', 'c'].map((digit) => digit.repeat(40)) as [string, string, string];
const snapshot: RefSnapshot = {
  objectFormat: 'sha1',
  head: 'refs/heads/main',
  refs: [
    { name: 'refs/heads/main', objectId: a, peeledId: '' },
    { name: 'refs/heads/next', objectId: b, peeledId: '' },
    { name: 'refs/tags/v1', objectId: c, peeledId: a },
  ],
};

function answer(args: string[], of: RefSnapshot = snapshot): string[] {
  const lines: RefLines = (shape) => EncodedRefs.encode(of.refs, shape);
  const text = Buffer.concat([...encodeLsRefs(of, lines, parseLsRefs(args))]).toString();
  expect(text.endsWith('0000')).toBe(true);
  return text
    .slice(0, -4)
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.slice(4));
}

describe('ls-refs', () => {
  it('lists HEAD and all refs', () => {
    expect(answer([])).toEqual([`${a} HEAD`, `${a} refs/heads/main`, `${b} refs/heads/next`, `${c} refs/tags/v1`]);
  });

  it('adds what symrefs and peel ask for', () => {
    expect(answer(['peel', 'symrefs'])).toEqual([
      `${a} HEAD symref-target:refs/heads/main`,
      `${a} refs/heads/main`,
      `${b} refs/heads/next`,
      `${c} refs/tags/v1 peeled:${a}`,
    ]);
  });

  it.each([
    [['ref-prefix refs/heads/'], ['refs/heads/main', 'refs/heads/next']],
    [['ref-prefix HEAD'], ['HEAD']],
    [
      ['ref-prefix refs/tags/v', 'ref-prefix refs/heads/n'],
      ['refs/heads/next', 'refs/tags/v1'],
    ],
    [['ref-prefix refs/none/'], []],
    [['ref-prefix H'], ['HEAD']],
    [
      ['ref-prefix refs/heads/main', 'ref-prefix refs/heads/'],
      ['refs/heads/main', 'refs/heads/next'],
    ],
    [['ref-prefix '], ['HEAD', 'refs/heads/main', 'refs/heads/next', 'refs/tags/v1']],
  ])('with %j lists %j', (args, names) => {
    expect(answer(args).map((line) => line.slice(41))).toEqual(names);
  });

  it('says what an unborn HEAD points at only when unborn and symrefs are asked for', () => {
    const empty = { ...snapshot, refs: [] };
    expect(answer(['unborn', 'symrefs'], empty)).toEqual(['unborn HEAD symref-target:refs/heads/main']);
    expect(answer(['symrefs'], empty)).toEqual([]);
    expect(answer(['unborn'], empty)).toEqual([]);
    expect(answer(['unborn', 'symrefs', 'ref-prefix refs/'], empty)).toEqual([]);
  });

  it('ignores prefixes when there are more than git takes', () => {
    const many = Array.from({ length: refPrefixesMax + 1 }, (_, at) => `ref-prefix refs/x/${at}`);
    expect(parseLsRefs(many.slice(1)).prefixes).toHaveLength(refPrefixesMax);
    expect(answer(many)).toHaveLength(4);
  });

  it('refuses an argument that it does not know', () => {
    expect(() => parseLsRefs(['peel', 'teleport'])).toThrow(
      expect.objectContaining({ code: 'PROTOCOL_ERROR', message: "unexpected line: 'teleport'" }),
    );
  });
});

describe('ls-refs beside git', () => {
  const folder = mkdtempSync(join(tmpdir(), 'ls-refs-'));
  let history: RandomHistory;
  beforeAll(() => {
    history = makeRandomHistory(folder, { seed: 3, storage: 'packed', objectFormat: 'sha1' });
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  function ours(args: readonly string[], head: string): string {
    const { refs } = history;
    const lines: RefLines = (shape) => EncodedRefs.encode(refs, shape);
    const of: RefSnapshot = { objectFormat: 'sha1', head, refs };
    return Buffer.concat([...encodeLsRefs(of, lines, parseLsRefs(args))]).toString();
  }

  const options = ['peel', 'symrefs', 'unborn'];
  const subsets = Array.from({ length: 8 }, (_, bits) => options.filter((_option, at) => (bits >> at) % 2 === 1));
  const prefixes = [
    [],
    ['HEAD'],
    ['refs/heads/', 'refs/tags/'],
    ['refs/heads/main', 'refs/heads/m', 'refs/tags/v', 'refs/tags/v1'],
    ['refs/none/'],
    ['H', 'refs/tags/b'],
    [''],
  ];

  it.each(['refs/heads/main', 'refs/heads/unborn'])(
    'answers every request in the same bytes, with HEAD at %s',
    (head) => {
      execFileSync('git', ['-C', history.gitDir, 'symbolic-ref', 'HEAD', head]);
      for (const subset of subsets) {
        for (const some of prefixes) {
          const args = [...subset, ...some.map((prefix) => `ref-prefix ${prefix}`)];
          const { stdout } = askRealGit(history.gitDir, rawBody('ls-refs', args));
          expect(ours(args, head), args.join(', ')).toBe(stdout.toString());
        }
      }
    },
  );
});
