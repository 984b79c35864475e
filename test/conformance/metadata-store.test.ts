import { onTestFinished } from 'vitest';
import { JournaledMetadataStore } from '../../src/node/metadata/journaled-metadata-store.ts';
import { SimDisk, SimMetadataStore } from '../sim/metadata/sim-disk.ts';
import { SimProcess } from '../sim/sim-process.ts';
import { simRandom } from '../sim/sim-random.ts';
import { SimWorld } from '../sim/sim-world.ts';
import { temporaryFolder } from '../unit/node/metadata/sample-metadata.ts';
import { describeMetadataStore } from './metadata-store.ts';

describeMetadataStore('LMDB', async () => {
  const store = await JournaledMetadataStore.open(await temporaryFolder());
  onTestFinished(() => store.close());
  return { store, settle: (promise) => promise };
});

describeMetadataStore('the simulated disk', async () => {
  const world = new SimWorld({ random: simRandom(1) });
  const process = new SimProcess({ name: 'metadata-1', wallMs: 0 }, { world });
  const store = new SimMetadataStore({ disk: new SimDisk({ id: 'disk-1' }), world, process });
  return { store, settle: (promise) => world.settle(promise) };
});
