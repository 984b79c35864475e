import { describe, expect, it } from 'vitest';
import { decodeWatchEvent } from '../../../src/client/watch-event.ts';
import type { WatchTopologyResponse } from '../../../src/rpc/gen/stratum/v1/coordinator.ts';
import { encodeTopology, encodeUpdate } from '../../../src/rpc/topology-codec.ts';
import { reduce } from '../../../src/topology/reduce.ts';
import { emptyCluster, register } from '../topology/sample-cluster.ts';

const { topology, update } = reduce(emptyCluster(), register(), 1n);
if (update === undefined) throw new Error('no update');

describe('decodeWatchEvent', () => {
  it.each<[WatchTopologyResponse['event'], unknown]>([
    [
      { $case: 'update', value: encodeUpdate(update) },
      { kind: 'update', update },
    ],
    [
      { $case: 'fullSync', value: encodeTopology(topology) },
      { kind: 'full-sync', topology },
    ],
    [
      { $case: 'lagged', value: { dropped: 3n } },
      { kind: 'lagged', dropped: 3n },
    ],
    [
      { $case: 'keepalive', value: { version: 4n } },
      { kind: 'keepalive', version: 4n },
    ],
    [undefined, undefined],
  ])('decodes %o', (event, expected) => {
    expect(decodeWatchEvent({ event })).toEqual(expected);
  });
});
