import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readObjectSizes } from '../../../../src/node/frontend/object-sizes.ts';
import { gitOk } from './frontend-fixture.ts';
import { prepareChecks } from './git-checks.ts';

let checks: Awaited<ReturnType<typeof prepareChecks>>;
beforeEach(async () => {
  checks = await prepareChecks();
});
afterEach(() => checks.remove());

describe('readObjectSizes', () => {
  it('tells the size of every kind of object, and leaves out what is missing', async () => {
    await gitOk(checks.work, ['tag', '-a', '-m', 'one', 'v1']);
    await gitOk(checks.work, ['push', '-q', checks.bare, 'main', 'v1']);
    const names = ['HEAD', 'HEAD^{tree}', 'HEAD:file-1.txt', 'v1'];
    const expected = new Map<string, number>();
    for (const name of names) {
      const id = await gitOk(checks.work, ['rev-parse', name]);
      expected.set(id, Number(await gitOk(checks.work, ['cat-file', '-s', name])));
    }
    const ids = [...expected.keys()];
    const asked = ['f'.repeat(40), ...ids, ...ids];
    expect(await readObjectSizes(checks.git, asked, checks.question)).toEqual(expected);
    expect(expected.size).toBe(names.length);
  });

  it('asks git nothing when there is nothing to ask', async () => {
    expect(await readObjectSizes(checks.git, [], { ...checks.question, gitDir: '/nowhere' })).toEqual(new Map());
  });
});
