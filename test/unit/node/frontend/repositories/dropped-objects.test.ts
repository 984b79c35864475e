import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { hasCode } from '../../../../../src/base/errors.ts';
import type { BareRepositoryCache } from '../../../../../src/node/frontend/bare-repository-cache.ts';
import { commit, gitOk, makeWork } from '../frontend-fixture.ts';
import { repoName, type SampleMaintenance, sampleMaintenance } from '../maintenance/sample-maintenance.ts';

const signal = new AbortController().signal;
const graceMs = 1000;
let sample: SampleMaintenance;
let work: string;
let dropped: string;
beforeEach(async () => {
  sample = await sampleMaintenance();
  work = await makeWork(sample.folder, 1);
  await sample.push(work, { 'refs/heads/main': 'main' });
  await gitOk(work, ['checkout', '-q', '-b', 'topic']);
  dropped = await commit(work, 'topic.txt', 'only on topic');
  await sample.push(work, { 'refs/heads/topic': 'topic' });
  await gitOk(work, ['checkout', '-q', 'main']);
  await sample.push(work, { 'refs/heads/topic': '' });
});
afterEach(() => sample.stop());

/** Drops what only the deleted branch reached, once `between` has used it from a pack of its own. */
async function drop(between: () => Promise<void>): Promise<void> {
  const repacker = await sample.repackerIn('f1', graceMs);
  await repacker.run({ name: repoName, full: true }, () => undefined, signal);
  await between();
  sample.clock.advance(graceMs + 1);
  await repacker.run({ name: repoName, full: true }, () => undefined, signal);
  expect((await sample.calls.getRepo({ name: repoName })).repo?.packsDroppedGeneration).toBeDefined();
}

/** Swaps a ref as a push does that was judged by a generation of the pack list. */
async function swap(packsGeneration: bigint): Promise<'accepted' | 'refused'> {
  const { refs } = await sample.calls.getRefs({ repo: repoName });
  const oldId = refs[0]?.objectId ?? '';
  const commands = [{ name: 'refs/heads/main', oldId, newId: oldId, newPeeledId: '' }];
  try {
    await sample.calls.updateRefs({ repo: repoName, repoId: sample.repoId, packsGeneration, commands });
    return 'accepted';
  } catch (error) {
    if (hasCode(error, 'VERSION_CONFLICT')) return 'refused';
    throw error;
  }
}

/** How a push ends, and whether it found the dropped commit. */
function push(cache: BareRepositoryCache): Promise<readonly ['accepted' | 'refused', boolean]> {
  return cache.use(repoName, signal, async ({ path, packsGeneration }) => {
    const objects = await gitOk(path, ['cat-file', '--batch-all-objects', '--batch-check=%(objectname)']);
    return [await swap(packsGeneration), objects.includes(dropped)];
  });
}

describe('after objects were dropped', () => {
  it.each([
    ['nobody', false],
    ['somebody', true],
  ])('the first push on another frontend is accepted while %s else holds the repository', async (_, isHeld) => {
    const other = await sample.cacheIn('f2');
    const end = Promise.withResolvers<void>();
    let held: Promise<void> | undefined;
    await drop(async () => {
      expect(await push(other)).toEqual(['accepted', true]);
      const begun = Promise.withResolvers<void>();
      const hold = async () => {
        begun.resolve();
        await end.promise;
      };
      if (!isHeld) return;
      held = other.use(repoName, signal, hold);
      await begun.promise;
    });
    expect(await push(other)).toEqual(['accepted', false]);
    end.resolve();
    await held;
  });

  it('a push that looked for its objects before is refused', async () => {
    const other = await sample.cacheIn('f2');
    const answer = await other.use(repoName, signal, async ({ packsGeneration }) => {
      await drop(() => Promise.resolve());
      await other.use(repoName, signal, () => Promise.resolve()); // Brings the repository further under it.
      return await swap(packsGeneration);
    });
    expect(answer).toBe('refused');
  });

  it('a frontend that starts over what it had cached before accepts pushes, and finds them no more', async () => {
    await drop(async () => {
      expect(await push(await sample.cacheIn('f2'))).toEqual(['accepted', true]);
    });
    expect(await push(await sample.cacheIn('f2'))).toEqual(['accepted', false]);
  });
});
