import { describe, expect, it } from 'vitest';
import { RefReader } from '../../../../src/node/frontend/ref-reader.ts';
import { manualClock } from '../../base/manual-clock.ts';
import { MemoryMetadata } from './memory-metadata.ts';

const a = 'a'.repeat(40);

async function prepared() {
  const metadata = new MemoryMetadata();
  await metadata.createRepo({ name: 'o/n', objectFormat: 1, head: '' });
  const set = (name: string) => {
    const stored = metadata.repos.get('o/n');
    stored?.refs.set(name, { name, objectId: a, peeledId: '' });
    if (stored) stored.repo.refsGeneration += 1n;
  };
  set('refs/heads/main');
  const clock = manualClock();
  const reader = new RefReader({ cachedRefsMax: 100, timeoutMs: 1000 }, { clock, metadata });
  return { metadata, reader, set, clock };
}

describe('RefReader', () => {
  it('reads refs once and asks only for the generation after that', async () => {
    const { metadata, reader, set } = await prepared();
    const first = await reader.read('o/n');
    expect(first.snapshot).toMatchObject({ objectFormat: 'sha1', head: 'refs/heads/main' });
    const again = await reader.read('o/n');
    expect(again.snapshot).toBe(first.snapshot);
    set('refs/heads/x');
    expect((await reader.read('o/n')).snapshot.refs).toHaveLength(2);
    expect(metadata.calls.filter((call) => call === 'getRefs')).toHaveLength(3);
  });

  it('sees a new pack list under the same refs', async () => {
    const { metadata, reader } = await prepared();
    await reader.read('o/n');
    await metadata.replacePacks({ repo: 'o/n', repoId: '', remove: [], add: [], expectedGeneration: 0n });
    expect((await reader.read('o/n')).repo.packsGeneration).toBe(1n);
  });

  it('never takes the refs of a repository that was made again under the name', async () => {
    const { metadata, reader } = await prepared();
    await reader.read('o/n');
    await metadata.deleteRepo({ name: 'o/n', expectedId: '' });
    await expect(reader.read('o/n')).rejects.toMatchObject({ code: 'REPO_NOT_FOUND' });
    await metadata.createRepo({ name: 'o/n', objectFormat: 2, head: '' });
    expect((await reader.read('o/n')).snapshot).toMatchObject({ objectFormat: 'sha256', refs: [] });
  });

  it('asks nobody for refs that were confirmed in the last second, and then again', async () => {
    const { metadata, reader, clock, set } = await prepared();
    const questions = () => metadata.calls.filter((call) => call === 'getRefs').length;
    const first = await reader.recent('o/n');
    set('refs/heads/x');
    clock.advance(1_000);
    expect(await reader.recent('o/n')).toBe(first);
    expect(questions()).toBe(1);
    clock.advance(1);
    expect((await reader.recent('o/n')).snapshot.refs).toHaveLength(2);
    expect(questions()).toBe(2);
  });

  it('asks again at once for what was changed by way of this frontend', async () => {
    const { reader, set } = await prepared();
    await reader.recent('o/n');
    set('refs/heads/x');
    reader.expire('o/n');
    expect((await reader.recent('o/n')).snapshot.refs).toHaveLength(2);
  });

  it('knows nothing any more of a repository that it was told is gone', async () => {
    const { metadata, reader } = await prepared();
    await reader.read('o/n');
    await metadata.deleteRepo({ name: 'o/n', expectedId: '' });
    await expect(reader.read('o/n')).rejects.toMatchObject({ code: 'REPO_NOT_FOUND' });
    await expect(reader.recent('o/n')).rejects.toMatchObject({ code: 'REPO_NOT_FOUND' });
  });
});
