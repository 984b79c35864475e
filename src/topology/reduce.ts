import { StratumError } from '../base/errors.ts';
import { applyUpdate } from './apply-update.ts';
import { bootstrap } from './bootstrap.ts';
import type { Change } from './change.ts';
import { partitionChange } from './change-partition.ts';
import type { RegisterNode, TopologyCommand } from './commands.ts';
import { hasDataPlaced, waitsForRing } from './node-duties.ts';
import { nodeNotFound } from './node-not-found.ts';
import { originsOf, readyState } from './node-transitions.ts';
import { registeredNode, zombie } from './register-node.ts';
import { type RestartedPartitions, restartedPartitions } from './restarted-partitions.ts';
import { intentChange } from './set-node-intent.ts';
import { ringConfigChange } from './set-ring-config.ts';
import type { Node, NodeState, Topology, TopologyUpdate } from './topology.ts';

/** A topology and the update that led to it; no update when the command changed nothing. */
export interface Reduced {
  readonly topology: Topology;
  readonly update: TopologyUpdate | undefined;
}

/**
 * Applies a command. Pure: the same function runs in the coordinator, in tests and in simulation.
 * The version rises by one exactly when something changed. A refusal throws (ZOMBIE_NODE,
 * NODE_NOT_FOUND, NOT_FOUND, UNSAFE, VERSION_CONFLICT, INVALID_ARGUMENT, UNIMPLEMENTED) and changes
 * nothing. The content of registrations is checked before (validate-registration.ts), who asks too
 * (validate-requester.ts). `term` is that of the leader that applies it.
 */
export function reduce(topology: Topology, command: TopologyCommand, term: bigint): Reduced {
  const change = changeOf(topology, command);
  if (change === undefined) return { topology, update: undefined };
  const own: TopologyUpdate = {
    version: topology.version + 1n,
    previousVersion: topology.version,
    term,
    atMs: command.atMs,
    reason: change.reason,
    nodesChanged: change.nodes ?? [],
    nodesRemoved: change.removedId === undefined ? [] : [change.removedId],
    ...(change.ring === undefined ? {} : { ring: change.ring }),
    partitionsChanged: change.partitions ?? [],
    ...(change.settings === undefined ? {} : { settings: change.settings }),
    ...(change.audit === undefined ? {} : { audit: change.audit }),
  };
  const next = applyUpdate(topology, own);
  const { ring, partitions, notes } = bootstrap(next);
  if (notes.length === 0) return { topology: next, update: own };
  const update: TopologyUpdate = {
    ...own,
    reason: [change.reason, ...notes].join('; '),
    ...(ring === undefined ? {} : { ring }),
    partitionsChanged: [...own.partitionsChanged, ...partitions],
  };
  return { topology: applyUpdate(topology, update), update };
}

function changeOf(topology: Topology, command: TopologyCommand): Change | undefined {
  switch (command.kind) {
    case 'register-node':
      return register(topology, command);
    case 'deregister-node':
      return deregister(topology, command);
    case 'set-node-state':
      return setState(topology, command);
    case 'set-node-intent':
      return intentChange(topology, command);
    case 'set-ring-config':
      return ringConfigChange(topology, command);
    case 'change-partition':
      return partitionChange(topology, command);
  }
}

function register(topology: Topology, command: RegisterNode): Change | undefined {
  const node = registeredNode(topology, command.node, command.atMs);
  if (node === undefined) return undefined;
  const { partitions, notes } = restartsOf(topology, node, command);
  const all = [...(waitsForRing(topology, node) ? ['waits for a ring change'] : []), ...notes];
  const reason = all.length === 0 ? `register ${node.id}` : `register ${node.id}: ${all.join('; ')}`;
  return { nodes: [node], partitions, reason };
}

/** What a new process of a known node does to its partitions; the same process again does nothing. */
function restartsOf(topology: Topology, node: Node, { afterCleanStop }: RegisterNode): RestartedPartitions {
  const known = topology.nodes.get(node.id);
  if (known === undefined || known.generationId === node.generationId) return { partitions: [], notes: [] };
  const hasNewDisk = known.diskId !== node.diskId;
  return restartedPartitions(topology, node.id, { hasNewDisk, afterCleanStop: afterCleanStop && !hasNewDisk });
}

function deregister(
  topology: Topology,
  command: Extract<TopologyCommand, { kind: 'deregister-node' }>,
): Change | undefined {
  const node = topology.nodes.get(command.nodeId);
  if (node === undefined) return undefined;
  if (command.generationId !== node.generationId) throw zombie(node, command.generationId);
  if (hasDataPlaced(topology, node.id)) {
    throw new StratumError('UNSAFE', `${node.id} has data placed on it`, undefined, {
      hint: 'stop it without deregistering, and its data stays placed; moving the data away first is not part of this version',
    });
  }
  return { removedId: node.id, reason: `deregister ${node.id}` };
}

function setState(
  topology: Topology,
  command: Extract<TopologyCommand, { kind: 'set-node-state' }>,
): Change | undefined {
  const { nodeId, generationId, state, atMs, reason } = command;
  const node = topology.nodes.get(nodeId);
  if (node === undefined) throw nodeNotFound(nodeId);
  if (generationId !== node.generationId) throw zombie(node, generationId);
  if (node.state === state) return undefined;
  if (!originsOf(state, node.intent).includes(node.state)) throw wrongOrigin(node, state);
  const isByReadiness = state === 'ACTIVE' || state === 'JOINING';
  // Decided before the ring changed: the next heartbeat decides again.
  if (isByReadiness && state !== readyState(topology, node)) return undefined;
  return { nodes: [{ ...node, state, stateSinceMs: atMs }], reason: `${nodeId} is ${state}: ${reason}` };
}

function wrongOrigin(node: Node, state: NodeState): StratumError {
  const expected = originsOf(state, node.intent).join(' or ') || 'no state';
  const details = { what: `state of ${node.id}`, expected, current: node.state };
  return new StratumError(
    'VERSION_CONFLICT',
    `${node.id} is ${node.state}, with intent ${node.intent}, and cannot become ${state}: expected ${expected}`,
    details,
  );
}
