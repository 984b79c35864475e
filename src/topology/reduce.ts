import { StratumError } from '../base/errors.ts';
import { applyUpdate } from './apply-update.ts';
import { bootstrap } from './bootstrap.ts';
import type { TopologyCommand } from './commands.ts';
import { hasDataPlaced, waitsForRing } from './node-duties.ts';
import { originsOf } from './node-transitions.ts';
import { registeredNode, zombie } from './register-node.ts';
import type { Node, NodeState, Topology, TopologyUpdate } from './topology.ts';

/** A topology and the update that led to it; no update when the command changed nothing. */
export interface Reduced {
  readonly topology: Topology;
  readonly update: TopologyUpdate | undefined;
}

interface Change {
  readonly reason: string;
  readonly node?: Node;
  readonly removedId?: string;
}

/**
 * Applies a command. Pure: the same function runs in the coordinator, in tests and in simulation.
 * The version rises by one exactly when something changed. A refusal throws (ZOMBIE_NODE,
 * NODE_NOT_FOUND, UNSAFE, VERSION_CONFLICT) and changes nothing. The content of registrations is
 * checked before (validate-registration.ts). `term` is that of the leader that applies it.
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
    nodesChanged: change.node === undefined ? [] : [change.node],
    nodesRemoved: change.removedId === undefined ? [] : [change.removedId],
    partitionsChanged: [],
  };
  const { ring, partitions, notes } = bootstrap(applyUpdate(topology, own));
  const update: TopologyUpdate = {
    ...own,
    reason: [change.reason, ...notes].join('; '),
    ...(ring === undefined ? {} : { ring }),
    partitionsChanged: partitions ?? [],
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
  }
}

function register(
  topology: Topology,
  command: Extract<TopologyCommand, { kind: 'register-node' }>,
): Change | undefined {
  const node = registeredNode(topology, command.node, command.atMs);
  if (node === undefined) return undefined;
  const waits = waitsForRing(topology, node) ? ': waits for a ring change' : '';
  return { node, reason: `register ${node.id}${waits}` };
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
  if (!originsOf(state).includes(node.state)) throw wrongOrigin(node, state);
  if (state === 'ACTIVE' && waitsForRing(topology, node)) return undefined;
  return { node: { ...node, state, stateSinceMs: atMs }, reason: `${nodeId} is ${state}: ${reason}` };
}

/** The answer to whoever names a node that is not registered. */
export function nodeNotFound(nodeId: string): StratumError {
  return new StratumError(
    'NODE_NOT_FOUND',
    `no node ${nodeId} is registered`,
    { kind: 'node', id: nodeId },
    { hint: '`stratum topology show` lists the nodes' },
  );
}

function wrongOrigin(node: Node, state: NodeState): StratumError {
  const expected = originsOf(state).join(' or ') || 'no state';
  const details = { what: `state of ${node.id}`, expected, current: node.state };
  return new StratumError(
    'VERSION_CONFLICT',
    `${node.id} is ${node.state} and cannot become ${state}: expected ${expected}`,
    details,
  );
}
