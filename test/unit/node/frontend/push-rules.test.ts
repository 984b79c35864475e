import { describe, expect, it } from 'vitest';
import {
  applyAtomic,
  atomicFailure,
  chooseHead,
  judgeCommands,
  judgeValues,
} from '../../../../src/node/frontend/push-rules.ts';

const [zero, a, b] = ['0', 'a', 'b'].map((digit) => digit.repeat(40)) as [string, string, string];
const errorsOf = (commands: readonly { error: string | undefined }[]) => commands.map(({ error }) => error);

describe('judgeCommands', () => {
  it.each([
    [{ oldId: zero, newId: a, name: 'refs/heads/main' }, undefined],
    [{ oldId: zero, newId: a, name: 'refs/heads/a b' }, 'funny refname: contains " "'],
    [{ oldId: zero, newId: a, name: 'HEAD' }, "funny refname: has no '/'"],
    [{ oldId: zero, newId: a, name: 'heads/main' }, "funny refname: is not below 'refs/'"],
    [{ oldId: a, newId: zero, name: 'refs/heads/main' }, 'refusing to delete the current branch'],
    [{ oldId: a, newId: zero, name: 'refs/heads/other' }, undefined],
  ])('%j: %s', (command, error) => {
    expect(errorsOf(judgeCommands([command], 'refs/heads/main'))).toEqual([error]);
  });

  it('refuses every command for a ref that has two', () => {
    const commands = [a, b].map((newId) => ({ oldId: zero, newId, name: 'refs/heads/x' }));
    expect(errorsOf(judgeCommands(commands, undefined))).toEqual(
      Array(2).fill("multiple updates for ref 'refs/heads/x' not allowed"),
    );
  });
});

describe('judgeValues', () => {
  const commands = (...names: string[]) =>
    judgeCommands(
      names.map((name) => ({ oldId: zero, newId: a, name })),
      undefined,
    );

  it('lets a branch be a commit and a tag be anything', () => {
    const judged = commands('refs/heads/x', 'refs/tags/x');
    judgeValues(judged, new Set(), new Map([[a, { type: 'blob', peeledId: '' }]]), false);
    expect(errorsOf(judged)).toEqual(['cannot point a branch at a blob', undefined]);
    const commit = commands('refs/heads/x');
    judgeValues(commit, new Set(), new Map([[a, { type: 'commit', peeledId: '' }]]), false);
    expect(errorsOf(commit)).toEqual([undefined]);
  });

  it('refuses what something is missing from, in the words for a shallow pusher where it is one', () => {
    for (const [isShallow, words] of [
      [false, 'missing necessary objects'],
      [true, 'shallow update not allowed'],
    ] as const) {
      const judged = commands('refs/heads/x');
      judgeValues(judged, new Set([a]), new Map([[a, { type: 'commit', peeledId: '' }]]), isShallow);
      expect(errorsOf(judged)).toEqual([words]);
      const unknown = commands('refs/heads/y');
      judgeValues(unknown, new Set(), new Map(), isShallow);
      expect(errorsOf(unknown)).toEqual([words]);
    }
  });
});

describe('applyAtomic', () => {
  it('refuses all when one is refused, and only then', () => {
    const commands = () =>
      judgeCommands(
        ['refs/heads/ok', 'bad'].map((name) => ({ oldId: zero, newId: a, name })),
        undefined,
      );
    const atomic = commands();
    applyAtomic(atomic, true);
    expect(atomic[0]?.error).toBe(atomicFailure);
    const each = commands();
    applyAtomic(each, false);
    expect(each[0]?.error).toBeUndefined();
  });
});

describe('chooseHead', () => {
  const head = (...names: string[]) =>
    chooseHead(
      judgeCommands(
        names.map((name) => ({ oldId: zero, newId: a, name })),
        undefined,
      ),
    );

  it('prefers main, then master, then the first branch', () => {
    expect(head('refs/heads/z', 'refs/heads/master', 'refs/heads/main')).toBe('refs/heads/main');
    expect(head('refs/heads/z', 'refs/heads/master')).toBe('refs/heads/master');
    expect(head('refs/tags/v1', 'refs/heads/z', 'refs/heads/a')).toBe('refs/heads/z');
    expect(head('refs/tags/v1')).toBe('refs/heads/main');
    expect(head('refs/heads/..', 'refs/heads/ok')).toBe('refs/heads/ok');
  });
});
