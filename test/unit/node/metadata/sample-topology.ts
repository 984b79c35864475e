import type { Node, Topology, TopologySource } from '../../../../src/topology/topology.ts';
import { emptyCluster, sampleRegistration } from '../../topology/sample-cluster.ts';

/** A topology that a test can change. */
export interface HeldTopology extends TopologySource {
  set(topology: Topology | undefined): void;
}

export function heldTopology(first: Topology | undefined): HeldTopology {
  let current = first;
  const listeners = new Set<(topology: Topology) => void>();
  return {
    current: () => current,
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    set(topology) {
      current = topology;
      if (topology !== undefined) for (const listener of [...listeners]) listener(topology);
    },
  };
}

/** A cluster of metadata nodes, by id with their addresses; partition n belongs to the n-th of `primaries`, in turn. */
export function metadataCluster(
  addresses: Readonly<Record<string, string>>,
  options: { readonly partitions?: number; readonly primaries?: readonly string[]; readonly epoch?: bigint } = {},
): Topology {
  const { partitions = 4, primaries = Object.keys(addresses), epoch = 1n } = options;
  const nodes = Object.entries(addresses).map(([id, address]): [string, Node] => [
    id,
    {
      ...sampleRegistration({ id, address, roles: ['metadata'] }),
      state: 'ACTIVE',
      stateSinceMs: 0,
      registeredAtMs: 0,
      intent: 'SERVE',
    },
  ]);
  const assigned = Array.from({ length: partitions }, (_, id) => {
    const primaryId = primaries[id % primaries.length] ?? '';
    return { id, epoch, primaryId, inSync: [primaryId], replicas: [primaryId] };
  });
  return { ...emptyCluster({ partitions }), version: 1n, nodes: new Map(nodes), partitions: assigned };
}
