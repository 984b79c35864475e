import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/base/clock.ts';
import { systemRandom } from '../../../src/base/random.ts';
import { keptNodeId } from '../../../src/node/kept-node-id.ts';
import { DataFolder } from '../../../src/store/data-folder.ts';
import { temporaryFolder } from '../store/sample-blobs.ts';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeEach(async () => {
  folder = await temporaryFolder();
});
afterEach(() => folder.remove());

describe('the name that a data folder keeps', () => {
  it('is the name of the node that made it', async () => {
    const path = join(folder.path, 'data');
    const modules = { clock: systemClock, random: systemRandom };
    await (await DataFolder.open({ path, nodeId: 'object-7' }, modules)).close();
    expect(await keptNodeId(path)).toBe('object-7');
  });

  it('is unknown for a folder that is missing, empty, or somebody else’s', async () => {
    expect(await keptNodeId(join(folder.path, 'missing'))).toBeUndefined();
    expect(await keptNodeId(folder.path)).toBeUndefined();
    await writeFile(join(folder.path, 'stratum.json'), 'not ours');
    expect(await keptNodeId(folder.path)).toBeUndefined();
  });
});
