import { describe, expect, it } from 'vitest';
import { intentKeptMs } from '../../../../../src/node/metadata/state-machine/name-rows.ts';
import { nameIn, sampleService } from '../sample-service.ts';

const token = Buffer.alloc(16, 1);
const name = nameIn(1);

async function withRename() {
  const sample = sampleService();
  const { id: repoId } = await sample.newRepo({ name: nameIn(0) });
  const options = { bytes: 1, signal: new AbortController().signal };
  const value = { repoId, name: nameIn(0), newName: name, token };
  await sample.partitions.submit<'beginRename'>(0, { $case: 'beginRename', value }, options);
  const confirm = (changes: object = {}) => sample.calls.confirmName({ name, repoId, home: 0, token, ...changes });
  return { ...sample, repoId, confirm };
}

describe('ConfirmName', () => {
  it('holds a name for a rename that is under way, for five minutes', async () => {
    const { confirm, clock } = await withRename();
    clock.advance(Number(intentKeptMs));
    expect(await confirm()).toEqual({ held: true });
    clock.advance(1);
    expect(await confirm()).toEqual({ held: false });
  });

  it('does not bring back what it has once said to be free', async () => {
    const { confirm, clock, calls, repoId } = await withRename();
    clock.advance(Number(intentKeptMs) + 1);
    await confirm();
    await calls.renameRepo({ name: nameIn(0), expectedId: repoId, newName: name });
    expect(await confirm()).toEqual({ held: false });
  });

  it('holds a name that the repository has got by the token, as long as it has it', async () => {
    const { confirm, calls, repoId, clock } = await withRename();
    await calls.renameRepo({ name: nameIn(0), expectedId: repoId, newName: name });
    clock.advance(10 * Number(intentKeptMs));
    expect(await confirm()).toEqual({ held: true });
    await calls.deleteRepo({ name, expectedId: repoId, home: 0 });
    expect(await confirm()).toEqual({ held: false });
  });

  it.each([
    ['another token', { token: Buffer.alloc(16, 2) }],
    ['another repository', { repoId: '2'.repeat(32) }],
    ['an id that is none', { repoId: 'x' }],
  ])('does not hold it for %s', async (_, changes) => {
    const { confirm } = await withRename();
    expect(await confirm(changes)).toEqual({ held: false });
    expect(await confirm()).toEqual({ held: true });
  });
});
