import { onTestFinished } from 'vitest';
import { JournaledMetadataStore } from '../../src/node/metadata/journaled-metadata-store.ts';
import { MemoryState } from '../unit/node/metadata/memory-state.ts';
import { temporaryFolder } from '../unit/node/metadata/sample-metadata.ts';
import { describeStateReader } from './state-reader.ts';

const partition = 258;

describeStateReader('in memory', async () => {
  const state = new MemoryState();
  return { write: async (writes) => state.write(writes), read: (work) => work(state) };
});

describeStateReader('LMDB, beside other partitions', async () => {
  const store = await JournaledMetadataStore.open(await temporaryFolder());
  onTestFinished(() => store.close());
  const noise = ['a', 'b', 'r\xff', '\x00', '\xff\xff'].map((key) => ({
    key: Buffer.from(key, 'latin1'),
    value: Buffer.of(9),
  }));
  for (const other of [partition - 1, partition + 1]) await store.commit((to) => to.writeState(other, noise));
  return {
    write: (writes) => store.commit((to) => to.writeState(partition, writes)),
    read: (work) => store.read((snapshot) => work(snapshot.state(partition))),
  };
});
