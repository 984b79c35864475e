import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createBareRepository, writeRefs } from '../../../../src/node/frontend/bare-repository.ts';
import { findDisconnected } from '../../../../src/node/frontend/connectivity.ts';
import { commit, gitOk } from './frontend-fixture.ts';
import { prepareChecks } from './git-checks.ts';

let checks: Awaited<ReturnType<typeof prepareChecks>>;
let first: string;
beforeEach(async () => {
  checks = await prepareChecks();
  first = await gitOk(checks.work, ['rev-parse', 'HEAD']);
  await gitOk(checks.work, ['push', '-q', checks.bare, 'main']);
});
afterEach(() => checks.remove());

/** Copies one object without what it refers to. */
async function copyObject(id: string): Promise<void> {
  const type = await gitOk(checks.work, ['cat-file', '-t', id]);
  await gitOk(checks.work, ['cat-file', type, id]);
  const script = `git cat-file ${type} ${id} | git --git-dir="$TARGET" hash-object -w -t ${type} --stdin --literally`;
  await gitOk(checks.work, ['-c', `alias.copy=!${script}`, 'copy'], { TARGET: checks.bare });
}

describe('findDisconnected', () => {
  it('finds nothing where all is there', async () => {
    expect(await findDisconnected(checks.git, [first, first], checks.question)).toEqual(new Set());
    expect(await findDisconnected(checks.git, [], checks.question)).toEqual(new Set());
  });

  it('finds a commit without its tree, and no other', async () => {
    const lonely = await commit(checks.work, 'x.txt', 'x');
    await copyObject(lonely);
    expect(await findDisconnected(checks.git, [first, lonely], checks.question)).toEqual(new Set([lonely]));
  });

  it('finds a blob that is missing deep below', async () => {
    const broken = await commit(checks.work, 'x.txt', 'x');
    await copyObject(broken);
    await copyObject(await gitOk(checks.work, ['rev-parse', `${broken}^{tree}`]));
    expect(await findDisconnected(checks.git, [broken], checks.question)).toEqual(new Set([broken]));
    await copyObject(await gitOk(checks.work, ['rev-parse', `${broken}:x.txt`]));
    expect(await findDisconnected(checks.git, [broken], checks.question)).toEqual(new Set());
  });

  it('finds every one of several that are not there at all', async () => {
    const ghosts = ['a', 'b', 'c'].map((digit) => digit.repeat(40));
    expect(await findDisconnected(checks.git, [...ghosts, first], checks.question)).toEqual(new Set(ghosts));
  });

  it('does not take what only lies about for connected', async () => {
    await createBareRepository(checks.bare, 'sha1');
    await gitOk(checks.bare, ['update-ref', '-d', 'refs/heads/main']);
    await writeRefs(checks.bare, { objectFormat: 'sha1', head: 'refs/heads/main', refs: [] });
    const broken = await commit(checks.work, 'x.txt', 'x');
    await copyObject(broken);
    expect(await findDisconnected(checks.git, [broken], checks.question)).toEqual(new Set([broken]));
  });

  it('passes on that the client is gone', async () => {
    const gone = { ...checks.question, signal: AbortSignal.abort(new Error('gone')) };
    await expect(findDisconnected(checks.git, [first], gone)).rejects.toThrow('gone');
  });
});
