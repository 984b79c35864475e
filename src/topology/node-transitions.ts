import { waitsForRing } from './node-duties.ts';
import type { Node, NodeIntent, NodeState, Topology } from './topology.ts';

/**
 * From which states a node that serves can come into a state by its own heartbeats and by the
 * failure detector. DOWN is reached through SUSPECT or DRAINING alone, so that one late look never
 * costs a node its writes. JOINING begins with a registration (register-node.ts), and is where a node
 * goes back to that fell silent while a ring was formed without it; DRAINING begins with an operator's
 * wish (set-node-intent.ts).
 */
const originsWhenServing: Readonly<Record<NodeState, readonly NodeState[]>> = {
  JOINING: ['SUSPECT', 'DOWN'],
  ACTIVE: ['JOINING', 'SUSPECT', 'DOWN'],
  SUSPECT: ['ACTIVE'],
  DRAINING: [],
  DOWN: ['SUSPECT', 'DRAINING'],
};

/** The same for a node that shall not serve: it comes back to its drain, never to full duty. */
const originsWhenDrained: Readonly<Record<NodeState, readonly NodeState[]>> = {
  ...originsWhenServing,
  JOINING: [],
  ACTIVE: [],
  DRAINING: ['JOINING', 'SUSPECT', 'DOWN'],
};

/** The states from which a node of this intent can come to `to`. */
export function originsOf(to: NodeState, intent: NodeIntent): readonly NodeState[] {
  return (intent === 'SERVE' ? originsWhenServing : originsWhenDrained)[to];
}

/** The state of a node that is alive and ready: what its operator wants of it, and whether it has a place, decide. */
export function readyState(topology: Topology, node: Node): 'JOINING' | 'ACTIVE' | 'DRAINING' {
  if (node.intent !== 'SERVE') return 'DRAINING';
  return waitsForRing(topology, node) ? 'JOINING' : 'ACTIVE';
}
