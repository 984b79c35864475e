import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readObjectFacts } from '../../../../src/node/frontend/object-facts.ts';
import { gitOk } from './frontend-fixture.ts';
import { prepareChecks } from './git-checks.ts';

let checks: Awaited<ReturnType<typeof prepareChecks>>;
beforeEach(async () => {
  checks = await prepareChecks();
});
afterEach(() => checks.remove());

describe('readObjectFacts', () => {
  it('tells types, what a tag of a tag leads to, and leaves out what is missing', async () => {
    await gitOk(checks.work, ['tag', '-a', '-m', 'one', 'v1']);
    await gitOk(checks.work, ['tag', '-a', '-m', 'two', 'v2', 'v1']);
    await gitOk(checks.work, ['push', '-q', checks.bare, 'main', 'v2']);
    const id = (revision: string) => gitOk(checks.work, ['rev-parse', revision]);
    const [commit, tree, blob, tag] = await Promise.all(['HEAD', 'HEAD^{tree}', 'HEAD:file-1.txt', 'v2'].map(id));
    const ghost = 'f'.repeat(40);
    const ids = [commit, tree, blob, tag, ghost].map(String);
    expect(await readObjectFacts(checks.git, ids, checks.question)).toEqual(
      new Map([
        [commit, { type: 'commit', peeledId: '' }],
        [tree, { type: 'tree', peeledId: '' }],
        [blob, { type: 'blob', peeledId: '' }],
        [tag, { type: 'tag', peeledId: commit }],
      ]),
    );
  });

  it('asks git nothing when there is nothing to ask', async () => {
    expect(await readObjectFacts(checks.git, [], { ...checks.question, gitDir: '/nowhere' })).toEqual(new Map());
  });
});
