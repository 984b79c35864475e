import { StratumError } from '../base/errors.ts';
import { auditOf, type Change } from './change.ts';
import type { SetNodeIntent } from './commands.ts';
import { hasDataPlaced } from './node-duties.ts';
import { nodeNotFound } from './node-not-found.ts';
import { readyState } from './node-transitions.ts';
import type { Node, NodeState, Topology } from './topology.ts';

/**
 * What an operator's wish changes; undefined when it is so already, whatever version the wish was
 * based on: a rerun is no error. NODE_NOT_FOUND for an unknown node, save that its removal is done;
 * VERSION_CONFLICT when the topology has moved on since the decision; UNSAFE for the removal of a
 * node that runs or has data placed; UNIMPLEMENTED for an eviction that would have to move data.
 */
export function intentChange(topology: Topology, command: SetNodeIntent): Change | undefined {
  const { nodeId, intent } = command;
  const node = topology.nodes.get(nodeId);
  if (node === undefined) {
    if (intent === 'REMOVE') return undefined;
    throw nodeNotFound(nodeId);
  }
  if (node.intent === intent) return undefined;
  assertVersion(topology, command);
  const audit = auditOf(command);
  if (intent === 'EVICT' || intent === 'REMOVE') {
    assertRemovable(topology, node, intent);
    return { removedId: nodeId, reason: `${intent === 'EVICT' ? 'evict' : 'remove'} ${nodeId}`, audit };
  }
  const state = intent === 'DRAIN' ? drainedState(node) : servingState(topology, node);
  const stateSinceMs = state === node.state ? node.stateSinceMs : command.atMs;
  return {
    nodes: [{ ...node, intent, intentAudit: audit, state, stateSinceMs }],
    reason: intent === 'DRAIN' ? `drain ${nodeId}` : `take the drain of ${nodeId} back`,
    audit,
  };
}

function assertVersion(topology: Topology, { expectedVersion }: SetNodeIntent): void {
  if (expectedVersion === undefined || expectedVersion === topology.version) return;
  const details = {
    what: 'topology version',
    expected: String(expectedVersion),
    current: String(topology.version),
  };
  throw new StratumError(
    'VERSION_CONFLICT',
    `the topology is at version ${topology.version}, not ${expectedVersion}`,
    details,
    { hint: 'look at it again (`stratum topology show`) and repeat the command' },
  );
}

/** A node that is not there to be drained keeps its state; it comes back to its drain (heartbeat-transition.ts). */
function drainedState({ state }: Node): NodeState {
  return state === 'ACTIVE' || state === 'SUSPECT' ? 'DRAINING' : state;
}

/**
 * Back to full duty; the failure detector judges it from there. A ring that was formed during the
 * drain has no place for the node, so it waits for one like any late joiner.
 */
function servingState(topology: Topology, node: Node): NodeState {
  return node.state === 'DRAINING' ? readyState(topology, { ...node, intent: 'SERVE' }) : node.state;
}

/** Only what is gone, or never took part, is forgotten; a live node would simply register again. */
function assertRemovable(topology: Topology, { id, state }: Node, intent: 'EVICT' | 'REMOVE'): void {
  if (hasDataPlaced(topology, id)) {
    const hint = 'moving the data away first is not part of this version';
    if (intent === 'EVICT') {
      throw new StratumError('UNIMPLEMENTED', `${id} has data placed on it, which would have to move`, undefined, {
        hint,
      });
    }
    throw new StratumError('UNSAFE', `${id} has data placed on it`, undefined, { hint });
  }
  if (state === 'ACTIVE' || state === 'SUSPECT') {
    throw new StratumError('UNSAFE', `${id} is ${state}`, undefined, { hint: 'stop it first' });
  }
}
