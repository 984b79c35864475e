import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MiB } from '../../../../../src/base/units.ts';
import { getStats } from '../../../../../src/node/object/rpc/get-stats.ts';
import { encodeFence } from '../../../../../src/rpc/fence-codec.ts';
import { contentOf } from '../../../store/sample-blobs.ts';
import { call, type SampleObject, sampleObject } from '../sample-object.ts';

describe('GetStats', () => {
  let node: SampleObject;

  beforeEach(async () => {
    node = await sampleObject();
  });
  afterEach(() => node.remove());

  it('tells counts, sizes, damage and the highest fence', async () => {
    await node.add(contentOf(100, 1));
    await node.add(contentOf(200, 2));
    const damaged = await node.add(contentOf(300, 3));
    node.store.damage(damaged);
    await node.store.verify(damaged);
    await node.fence.raise({ term: 4n, ringEpoch: 5n });
    expect(await getStats(node)({}, call)).toEqual({
      nodeId: 'object-1',
      blobCount: 2n,
      storedBytes: 300n,
      freeBytes: BigInt(64 * MiB - 300),
      capacityBytes: BigInt(64 * MiB),
      quarantinedCount: 1n,
      fence: encodeFence({ term: 4n, ringEpoch: 5n }),
    });
  });
});
