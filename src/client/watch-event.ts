import type { WatchTopologyResponse } from '../rpc/gen/stratum/v1/coordinator.ts';
import { decodeTopology, decodeUpdate } from '../rpc/topology-codec.ts';
import type { Topology, TopologyUpdate } from '../topology/topology.ts';

/** What a watch of the topology brings. */
export type WatchEvent =
  | { readonly kind: 'update'; readonly update: TopologyUpdate }
  /** The whole topology; replaces what the reader has. */
  | { readonly kind: 'full-sync'; readonly topology: Topology }
  /** The reader was too slow; a full-sync follows. */
  | { readonly kind: 'lagged'; readonly dropped: bigint }
  | { readonly kind: 'keepalive'; readonly version: bigint };

/** An event from the wire; undefined for a kind that this version does not know. */
export function decodeWatchEvent({ event }: WatchTopologyResponse): WatchEvent | undefined {
  switch (event?.$case) {
    case 'update':
      return { kind: 'update', update: decodeUpdate(event.value) };
    case 'fullSync':
      return { kind: 'full-sync', topology: decodeTopology(event.value) };
    case 'lagged':
      return { kind: 'lagged', dropped: event.value.dropped };
    case 'keepalive':
      return { kind: 'keepalive', version: event.value.version };
    case undefined:
      return undefined;
  }
}
