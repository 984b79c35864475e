import { originsOf, readyState } from './node-transitions.ts';
import type { Node, NodeState, ReportedState, Topology } from './topology.ts';

/** A state that a heartbeat calls for, and why. */
export interface HeartbeatTransition {
  readonly state: NodeState;
  readonly reason: string;
}

const reasons = {
  JOINING: 'it is ready, and waits for a ring change',
  ACTIVE: 'it is ready',
  DRAINING: 'it is ready, and its drain goes on',
} as const;

/**
 * What a node's own word does to its state; undefined when nothing. READY makes it ACTIVE, or
 * JOINING while it waits for a place in the ring; a node that an operator drains comes back DRAINING. STOPPING makes
 * an ACTIVE node SUSPECT at once: its data stays placed, for a restart is not a drain, and routing
 * turns to its peers before its first refusal.
 */
export function heartbeatTransition(
  topology: Topology,
  node: Node,
  reported: ReportedState,
): HeartbeatTransition | undefined {
  switch (reported) {
    case 'READY': {
      const state = readyState(topology, node);
      return originsOf(state, node.intent).includes(node.state) ? { state, reason: reasons[state] } : undefined;
    }
    case 'STOPPING':
      return node.state === 'ACTIVE' ? { state: 'SUSPECT', reason: 'it stops on a signal' } : undefined;
    case 'STARTING':
      return undefined;
  }
}
