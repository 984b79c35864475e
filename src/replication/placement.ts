import { StratumError } from '../base/errors.ts';
import type { Oid } from '../base/oid.ts';
import { HashRing } from '../topology/hash-ring.ts';
import type { NodeState, Ring, Topology, TopologySource } from '../topology/topology.ts';

/** A blob's own nodes at one moment. */
export interface Placement {
  readonly topology: Topology;
  readonly ring: Ring;
  /** Node ids in the ring's order. */
  readonly nodeIds: readonly string[];
}

/** Where a blob belongs by the current ring; NOT_READY before one has been formed. */
export function placementOf(source: TopologySource, oid: Oid): Placement {
  return placementIn(formedTopology(source), oid);
}

/** Where a blob belongs by the ring of this topology. Blobs of the same nodes share the list of them. */
export function placementIn(topology: Topology, oid: Oid): Placement {
  const { ring } = topology;
  return { topology, ring, nodeIds: HashRing.of(ring).placement(oid) };
}

/** The current topology; NOT_READY before it has a ring. */
export function formedTopology(source: TopologySource): Topology {
  const topology = source.current();
  if (topology === undefined) {
    throw new StratumError('NOT_READY', 'this process has no topology yet', { what: 'topology' });
  }
  const { ring } = topology;
  if (ring.epoch === 0n) {
    const active = [...topology.nodes.values()].filter(
      ({ roles, state }) => roles.includes('object') && state === 'ACTIVE',
    );
    const details = { what: 'hash ring', have: active.length, need: topology.settings.bootstrapExpectObject };
    const message = `the hash ring is not formed yet: ${details.have} of ${details.need} object nodes are active`;
    throw new StratumError('NOT_READY', message, details, {
      hint: 'start object nodes: stratum node start --role object',
    });
  }
  return topology;
}

/**
 * Own nodes that a write leaves out, with the reason: JOINING ones take only writes of a pending ring, and
 * DOWN ones (or unregistered ones) are left out while the others suffice. contracts.md, section 2.
 */
export function leftOut({ topology, nodeIds }: Placement, required: number): ReadonlyMap<string, string> {
  const left = new Map<string, string>();
  for (const nodeId of nodeIds) if (topology.nodes.get(nodeId)?.state === 'JOINING') left.set(nodeId, 'is JOINING');
  const down = nodeIds.filter((nodeId) => isDown(topology, nodeId));
  if (nodeIds.length - left.size - down.length >= required) for (const nodeId of down) left.set(nodeId, 'is DOWN');
  return left;
}

const ranks: Readonly<Record<NodeState, number>> = { ACTIVE: 0, DRAINING: 1, SUSPECT: 2, JOINING: 3, DOWN: 4 };

/** How late a node's turn comes when there is a choice: 0 for a good one. */
export function stateRank(topology: Topology, nodeId: string): number {
  const state = topology.nodes.get(nodeId)?.state;
  return state === undefined ? ranks.DOWN : ranks[state];
}

/** Whether there is no point in a call while others remain. */
export function isDown(topology: Topology, nodeId: string): boolean {
  return stateRank(topology, nodeId) === ranks.DOWN;
}
