import { describe, expect, it, onTestFinished } from 'vitest';
import { JournaledMetadataStore } from '../../../../src/node/metadata/journaled-metadata-store.ts';
import { temporaryFolder } from './sample-metadata.ts';

async function openStore(path?: string) {
  const folder = path ?? (await temporaryFolder());
  const store = await JournaledMetadataStore.open(folder);
  onTestFinished(() => store.close());
  return { store, folder };
}

describe('JournaledMetadataStore', () => {
  it('names its folder when a write fails', async () => {
    const { store, folder } = await openStore();
    const tooLong = [{ key: Buffer.alloc(5_000, 1), value: Buffer.alloc(1) }];
    await expect(store.commit((to) => to.writeState(0, tooLong))).rejects.toMatchObject({
      code: 'INTERNAL',
      message: expect.stringContaining(folder),
    });
  });

  it('keeps state, header and log of every partition across a reopening', async () => {
    const { store, folder } = await openStore();
    for (const partition of [0, 255, 256]) {
      await store.commit((to) => {
        to.writeState(partition, [{ key: Buffer.from('key'), value: Buffer.from(`state ${partition}`) }]);
        to.writeHeader(partition, Buffer.from(`header ${partition}`));
        to.putRecord(partition, 2n ** 40n, Buffer.from(`record ${partition}`));
      });
    }
    await store.close();
    const { store: reopened } = await openStore(folder);
    const seen = reopened.read((reader) =>
      reader
        .partitions()
        .map((partition) => [
          partition,
          reader.state(partition).get(Buffer.from('key'))?.toString(),
          reader.header(partition)?.toString(),
          [...reader.records(partition, 0n)].map(({ index, record }) => [index, record.toString()]),
        ]),
    );
    expect(seen).toEqual(
      [0, 255, 256].map((partition) => [
        partition,
        `state ${partition}`,
        `header ${partition}`,
        [[2n ** 40n, `record ${partition}`]],
      ]),
    );
  });
});
