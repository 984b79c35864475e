import { describe, expect, it, onTestFinished } from 'vitest';
import { StratumError } from '../../../../src/base/errors.ts';
import { MetadataStore } from '../../../../src/node/metadata/metadata-store.ts';
import { temporaryFolder } from './sample-metadata.ts';

const key = Buffer.from('key');
const write = (value: string) => [{ key, value: Buffer.from(value) }];

async function openStore(path?: string) {
  const folder = path ?? (await temporaryFolder());
  const store = MetadataStore.open(folder);
  onTestFinished(() => store.close());
  const read = () => store.read((snapshot) => snapshot.state(0).get(key)?.toString());
  return { store, read, folder };
}

describe('MetadataStore', () => {
  it('sees its own writes within a commit, and those of the commit before', async () => {
    const { store, read } = await openStore();
    await store.commit((to) => to.writeState(0, write('old')));
    const seen = await store.commit((to) => {
      const before = to.state(0).get(key)?.toString();
      to.writeState(0, write('new'));
      return [before, to.state(0).get(key)?.toString()];
    });
    expect([...seen, read()]).toEqual(['old', 'new', 'new']);
  });

  it('shows a commit to a read in the same turn as its answer', async () => {
    const { store, read } = await openStore();
    for (let number = 0; number < 50; number += 1) {
      read();
      await store.commit((to) => to.writeState(0, write(String(number))));
      expect(read()).toBe(String(number));
    }
  });

  it('undoes everything when the work throws, and goes on', async () => {
    const { store, read } = await openStore();
    await store.commit((to) => to.writeState(0, write('old')));
    const failing = store.commit((to) => {
      to.writeState(0, write('new'));
      to.appendLog(0, 1n, Buffer.from('entry'));
      throw new StratumError('REPO_EXISTS', 'no', { kind: 'repository', id: 'x' });
    });
    await expect(failing).rejects.toMatchObject({ code: 'REPO_EXISTS' });
    expect(read()).toBe('old');
    await store.commit((to) => to.writeState(0, write('next')));
    expect(read()).toBe('next');
  });

  it('names its folder when a write fails', async () => {
    const { store, folder } = await openStore();
    const tooLong = [{ key: Buffer.alloc(5_000, 1), value: Buffer.alloc(1) }];
    await expect(store.commit((to) => to.writeState(0, tooLong))).rejects.toMatchObject({
      code: 'INTERNAL',
      message: expect.stringContaining(folder),
    });
  });

  it('keeps state, position and log across a reopening', async () => {
    const { store, folder } = await openStore();
    await store.commit((to) => {
      to.writeState(0, write('kept'));
      to.writePosition(0, Buffer.from('position'));
    });
    await store.close();
    const { store: reopened, read } = await openStore(folder);
    expect(read()).toBe('kept');
    expect(reopened.read((snapshot) => snapshot.position(0)?.toString())).toBe('position');
    expect(reopened.read((snapshot) => snapshot.position(1))).toBeUndefined();
  });
});
