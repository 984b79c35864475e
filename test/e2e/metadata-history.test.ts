import { describe, expect, it } from 'vitest';
import { RecordedRepository } from '../chaos/metadata-history.ts';
import { readPushReport } from '../chaos/metadata-push-report.ts';

const swap = (name: string, oldId: string, newId: string) => ({ name, oldId, newId });

/** Pushes one after the other: each `[ref, old, new, outcome]`. */
function pushed(
  ...pushes: readonly (readonly [string, string, string, 'done' | 'not done' | 'unknown' | 'refused'])[]
) {
  const repository = new RecordedRepository('repo');
  for (const [name, oldId, newId, outcome] of pushes) {
    const invocation = repository.push('client', [swap(name, oldId, newId)], false);
    if (outcome === 'refused') invocation.refused();
    else if (outcome !== 'unknown') invocation.returned({ kind: 'pushed', areDone: [outcome === 'done'] });
  }
  return repository;
}

function read(repository: RecordedRepository, refs: Readonly<Record<string, string>>) {
  repository.read('reader').returned({ kind: 'refs', refs: new Map(Object.entries(refs)) });
  return repository;
}

const judged = (repository: RecordedRepository, refs: Readonly<Record<string, string>>) =>
  repository.check(new Map(Object.entries(refs))).violations.join('\n');

describe('what the chaos run makes of a history', () => {
  it('finds nothing in acknowledged pushes, one of which another one has replaced', () => {
    const repository = read(pushed(['m', '', '1', 'done'], ['m', '1', '2', 'done']), { m: '2' });
    expect(judged(repository, { m: '2' })).toBe('');
  });

  it.each([
    ['took effect', { m: '2' }],
    ['did not', { m: '1' }],
  ])('finds nothing when a push of unknown outcome %s', (_, refs) => {
    const repository = pushed(['m', '', '1', 'done'], ['m', '1', '2', 'unknown']);
    expect(judged(read(repository, refs), refs)).toBe('');
  });

  it('finds an acknowledged push that is gone', () => {
    const repository = pushed(['m', '', '1', 'done'], ['m', '1', '2', 'done']);
    expect(judged(repository, { m: '1' })).toContain('m has lost acknowledged pushes: 2');
  });

  it('finds an acknowledged push that a later one has gone round', () => {
    const repository = pushed(['m', '', '1', 'done'], ['m', '1', '2', 'done'], ['m', '1', '3', 'done']);
    const found = judged(repository, { m: '3' });
    expect(found).toContain('m has lost acknowledged pushes: 2');
    expect(found).toContain('repo m is not linearizable');
  });

  it('finds a push that was refused for certain and done all the same', () => {
    const repository = pushed(['m', '', '1', 'done'], ['m', '1', '2', 'refused']);
    expect(judged(repository, { m: '2' })).toContain('m has the value 2, which nobody has pushed');
  });

  it('finds a stale read', () => {
    const repository = read(pushed(['m', '', '1', 'done'], ['m', '1', '2', 'done']), { m: '1' });
    expect(judged(repository, { m: '2' })).toContain('repo m is not linearizable');
  });

  it('finds an atomic push that was seen by halves, which no ref shows by itself', () => {
    const repository = new RecordedRepository('repo');
    repository.push('client', [swap('a', '', '1'), swap('b', '', '1')], true);
    read(repository, { a: '1' });
    const found = judged(repository, { a: '1', b: '1' });
    expect(found).toContain('repo is not linearizable');
    expect(found).not.toContain('repo a');
  });

  it('takes an atomic push that was not done for one that did nothing to any ref', () => {
    const repository = pushed(['a', '', '1', 'done']);
    const invocation = repository.push('client', [swap('a', '', '2'), swap('b', '', '2')], true);
    invocation.returned({ kind: 'pushed', areDone: [false, false] });
    expect(judged(repository, { a: '1' })).toBe('');
  });
});

describe('the reader of what git push prints', () => {
  const [older, newer] = ['1'.repeat(40), '2'.repeat(40)];

  it.each([
    [` \t${newer}:refs/heads/m\t${older}..${newer}`, 'done'],
    [`+\t${newer}:refs/heads/m\t${older}...${newer} (forced update)`, 'done'],
    [`*\t${newer}:refs/heads/m\t[new reference]`, 'done'],
    [`!\t${newer}:refs/heads/m\t[rejected] (stale info)`, 'refused'],
    [`!\t${newer}:refs/heads/m\t[remote rejected] (not updated: the disk is full)`, 'refused'],
    [`!\t${newer}:refs/heads/m\t[remote rejected] (outcome unknown: no answer)`, 'unknown'],
    [`!\t${newer}:refs/heads/m\t[remote failure] (remote failed to report status)`, 'unknown'],
  ])('takes %j for %s', (line, kind) => {
    expect(readPushReport(`To http://host/repo.git\n${line}\nDone\n`)).toMatchObject([{ kind, ref: 'refs/heads/m' }]);
  });

  it('says nothing of a push that broke off', () => {
    expect(readPushReport('To http://host/repo.git\n')).toEqual([]);
  });
});
