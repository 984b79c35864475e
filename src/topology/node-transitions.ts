import type { NodeState } from './topology.ts';

/**
 * From which states a node can come into a state by its own heartbeats and by the failure detector.
 * DOWN is reached through SUSPECT alone, so that one late look never costs a node its writes.
 * JOINING begins with a registration (register-node.ts); DRAINING is an operator's wish.
 */
const origins: Readonly<Record<NodeState, readonly NodeState[]>> = {
  JOINING: [],
  ACTIVE: ['JOINING', 'SUSPECT', 'DOWN'],
  SUSPECT: ['ACTIVE'],
  DRAINING: [],
  DOWN: ['SUSPECT', 'DRAINING'],
};

/** The states from which `to` can be reached. */
export function originsOf(to: NodeState): readonly NodeState[] {
  return origins[to];
}
