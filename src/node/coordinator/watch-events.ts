import { CoordinatorServiceService, type WatchTopologyResponse } from '../../rpc/gen/stratum/v1/coordinator.ts';
import { encodeTopology, encodeUpdate } from '../../rpc/topology-codec.ts';
import type { Topology, TopologyUpdate } from '../../topology/topology.ts';

/**
 * The events of a watch. An update and a topology become one message and one piece of encoded bytes
 * for all watchers, however many there are: a leader with a thousand of them tells a change in the
 * time of a thousand copies. Everything is kept for as long as somebody else holds the update or the topology.
 */
const updates = new WeakMap<TopologyUpdate, WatchTopologyResponse>();
const fullSyncs = new WeakMap<Topology, WatchTopologyResponse>();
const encoded = new WeakMap<WatchTopologyResponse, Buffer>();

/** One applied command; the same message for the same update. */
export function updateEvent(update: TopologyUpdate): WatchTopologyResponse {
  return cached(updates, update, () => ({ event: { $case: 'update', value: encodeUpdate(update) } }));
}

/** The whole topology; the same message for the same topology. */
export function fullSyncEvent(topology: Topology): WatchTopologyResponse {
  return cached(fullSyncs, topology, () => ({ event: { $case: 'fullSync', value: encodeTopology(topology) } }));
}

/** Nothing new at this version. */
export function keepaliveEvent({ version }: Topology): WatchTopologyResponse {
  return { event: { $case: 'keepalive', value: { version } } };
}

/** So many updates were dropped for this reader. */
export function laggedEvent(dropped: number): WatchTopologyResponse {
  return { event: { $case: 'lagged', value: { dropped: BigInt(dropped) } } };
}

/** The bytes of an event, made once for each. grpc-js copies what it is given into its frame, so they can be shared. */
export function serializeEvent(event: WatchTopologyResponse): Buffer {
  return cached(encoded, event, () => CoordinatorServiceService.watchTopology.responseSerialize(event));
}

function cached<Key extends object, Value>(values: WeakMap<Key, Value>, key: Key, make: () => Value): Value {
  const known = values.get(key);
  if (known !== undefined) return known;
  const made = make();
  values.set(key, made);
  return made;
}
