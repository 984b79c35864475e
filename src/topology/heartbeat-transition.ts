import { waitsForRing } from './node-duties.ts';
import type { Node, NodeState, ReportedState, Topology } from './topology.ts';

/** A state that a heartbeat calls for, and why. */
export interface HeartbeatTransition {
  readonly state: NodeState;
  readonly reason: string;
}

/**
 * What a node's own word does to its state; undefined when nothing. READY makes it ACTIVE, unless it
 * waits for a place in the ring. STOPPING makes an ACTIVE node SUSPECT at once: its data stays
 * placed, for a restart is not a drain, and routing turns to its peers before its first refusal.
 */
export function heartbeatTransition(
  topology: Topology,
  node: Node,
  reported: ReportedState,
): HeartbeatTransition | undefined {
  switch (reported) {
    case 'READY': {
      const comesBack = node.state === 'JOINING' || node.state === 'SUSPECT' || node.state === 'DOWN';
      return comesBack && !waitsForRing(topology, node) ? { state: 'ACTIVE', reason: 'it is ready' } : undefined;
    }
    case 'STOPPING':
      return node.state === 'ACTIVE' ? { state: 'SUSPECT', reason: 'it stops on a signal' } : undefined;
    case 'STARTING':
      return undefined;
  }
}
