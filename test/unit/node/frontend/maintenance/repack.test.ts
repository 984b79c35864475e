import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../../../../src/base/clock.ts';
import { systemRandom } from '../../../../../src/base/random.ts';
import { GitRunner } from '../../../../../src/git/git-runner.ts';
import { listPackNames, writeRefs } from '../../../../../src/node/frontend/bare-repository.ts';
import {
  assertSameObjects,
  type RepackQuestion,
  repackFull,
  repackGeometric,
} from '../../../../../src/node/frontend/maintenance/repack.ts';
import { ScratchFolder } from '../../../../../src/node/frontend/maintenance/scratch-folder.ts';
import { commit, gitOk, makePack, makeWork } from '../frontend-fixture.ts';

/** A scratch repository with a pack for each of three commits, and refs that reach the first two. */
async function threePacks(format: 'sha1' | 'sha256' = 'sha1') {
  const folder = mkdtempSync(join(tmpdir(), 'repack-'));
  onTestFinished(() => rmSync(folder, { recursive: true, maxRetries: 5 }));
  const scratch = await new ScratchFolder({ folder }, { random: systemRandom }).create(format, 0);
  const work = await makeWork(folder, 1, [`--object-format=${format}`]);
  const tips = [await gitOk(work, ['rev-parse', 'HEAD'])];
  for (const file of ['b', 'c']) tips.push(await commit(work, file, `content of ${file}`));
  for (const [at, tip] of tips.entries()) {
    const bytes = makePack(work, at === 0 ? [tip] : [tip, `^${tips[at - 1]}`]);
    execFileSync('git', ['index-pack', '--stdin', '--rev-index'], { cwd: scratch.sourcePath, input: bytes });
  }
  const refs = [{ name: 'refs/heads/main', objectId: tips[1] ?? '', peeledId: '' }];
  await writeRefs(scratch.sourcePath, { objectFormat: format, head: 'refs/heads/main', refs });
  const linked = [...(await listPackNames(scratch.sourcePath))];
  const git = new GitRunner({ processesMax: 1, queueMax: 4 }, { clock: systemClock });
  const question: RepackQuestion = {
    scratch,
    format,
    replace: linked,
    linked,
    signal: new AbortController().signal,
  };
  const objectsIn = async (path: string) => {
    return (await gitOk(path, ['cat-file', '--batch-all-objects', '--batch-check=%(objectname)'])).split('\n');
  };
  return { scratch, git, question, tips, objectsIn };
}

describe.each(['sha1', 'sha256'] as const)('a repack with %s', (format) => {
  it('when full, makes a pack with a bitmap of what refs reach, and one of the rest', async () => {
    const { scratch, git, question, tips, objectsIn } = await threePacks(format);
    const made = await repackFull(git, question);
    expect(made).toMatchObject([
      { objectCount: 6, hasBitmap: true, isUnreachable: false },
      { objectCount: 3, hasBitmap: false, isUnreachable: true },
    ]);
    await assertSameObjects(question, made);
    expect(await objectsIn(scratch.resultPath)).toEqual(await objectsIn(scratch.sourcePath));
    // With the bitmap alone git counts what the branch reaches.
    await gitOk(scratch.resultPath, ['update-ref', 'refs/heads/main', tips[1] ?? '']);
    const count = ['rev-list', '--count', '--objects', '--use-bitmap-index', 'main'];
    expect(await gitOk(scratch.resultPath, count)).toBe('6');
    await gitOk(scratch.resultPath, ['fsck', '--full', '--strict']);
  });

  it('when geometric, makes one pack of some, whatever is in them', async () => {
    const { scratch, git, question, objectsIn } = await threePacks(format);
    const made = await repackGeometric(git, question);
    expect(made).toMatchObject([{ objectCount: 9, hasBitmap: false, isUnreachable: false }]);
    await assertSameObjects(question, made);
    expect(await objectsIn(scratch.resultPath)).toEqual(await objectsIn(scratch.sourcePath));
  });
});

describe('a repack', () => {
  it('without refs makes one pack of unreachable objects', async () => {
    const { scratch, git, question } = await threePacks();
    await writeRefs(scratch.sourcePath, { objectFormat: 'sha1', head: 'refs/heads/main', refs: [] });
    expect(await repackFull(git, question)).toMatchObject([{ objectCount: 9, isUnreachable: true }]);
  });

  it('is refused when an object would be lost, or is new', async () => {
    const { git, question } = await threePacks();
    const [first = ''] = question.replace;
    const some = { ...question, replace: [first] };
    const made = await repackGeometric(git, some);
    await expect(assertSameObjects(question, made)).rejects.toMatchObject({
      code: 'INTERNAL',
      message: expect.stringContaining('6 objects would be lost'),
    });
    await expect(assertSameObjects({ ...question, replace: [], linked: [] }, made)).rejects.toMatchObject({
      code: 'INTERNAL',
    });
  });

  it('fails when an object that a ref reaches is missing', async () => {
    const { scratch, git, question } = await threePacks();
    const lost = { name: 'refs/heads/main', objectId: 'a'.repeat(40), peeledId: '' };
    await writeRefs(scratch.sourcePath, { objectFormat: 'sha1', head: 'refs/heads/main', refs: [lost] });
    await expect(repackFull(git, question)).rejects.toMatchObject({ code: 'GIT_FAILED' });
  });

  it('ends with its signal', async () => {
    const { git, question } = await threePacks();
    const ending = AbortSignal.abort(new Error('the frontend stops'));
    await expect(repackFull(git, { ...question, signal: ending })).rejects.toThrow('the frontend stops');
  });
});
