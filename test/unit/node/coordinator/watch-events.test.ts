import { describe, expect, it } from 'vitest';
import { coordinatorDefinition } from '../../../../src/node/coordinator/coordinator-definition.ts';
import {
  fullSyncEvent,
  keepaliveEvent,
  laggedEvent,
  serializeEvent,
  updateEvent,
} from '../../../../src/node/coordinator/watch-events.ts';
import { CoordinatorServiceService } from '../../../../src/rpc/gen/stratum/v1/coordinator.ts';
import { reduce } from '../../../../src/topology/reduce.ts';
import { emptyCluster, register } from '../../topology/sample-cluster.ts';

const { responseSerialize, responseDeserialize } = CoordinatorServiceService.watchTopology;

function sampleUpdate() {
  const { topology, update } = reduce(emptyCluster(), register(), 1n);
  if (update === undefined) throw new Error('no update');
  return { topology, update };
}

describe('the events of a watch', () => {
  it('are one message, and one piece of bytes, for all watchers of an update or a topology', () => {
    const { topology, update } = sampleUpdate();
    for (const [first, second] of [
      [updateEvent(update), updateEvent(update)],
      [fullSyncEvent(topology), fullSyncEvent(topology)],
    ] as const) {
      expect(second).toBe(first);
      expect(serializeEvent(second)).toBe(serializeEvent(first));
    }
  });

  it('are others for another update, although it says the same', () => {
    expect(updateEvent(sampleUpdate().update)).not.toBe(updateEvent(sampleUpdate().update));
  });

  it('have the bytes that the generated code makes', () => {
    const { topology, update } = sampleUpdate();
    const events = [updateEvent(update), fullSyncEvent(topology), keepaliveEvent(topology), laggedEvent(7)];
    for (const event of events) {
      expect(serializeEvent(event).equals(responseSerialize(event))).toBe(true);
      expect(responseDeserialize(serializeEvent(event))).toEqual(event);
    }
  });
});

describe('the service for the listener', () => {
  it('has every RPC of the generated one', () => {
    expect(Object.keys(coordinatorDefinition)).toEqual(Object.keys(CoordinatorServiceService));
  });
});
