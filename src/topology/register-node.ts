import { StratumError } from '../base/errors.ts';
import { hasDataPlaced, holdsPartitions, isInRing } from './node-duties.ts';
import { type Node, type NodeRegistration, type NodeState, nodeRoles, type Topology } from './topology.ts';

/** Five times the cluster that Stratum is built for. */
const nodesMax = 5_000;

/** A thousand nodes may start at once; what comes beyond waits until some of them are ready. */
const joiningNodesMax = 1_100;

/** Nodes become ready within seconds. */
const joinRetryAfterMs = 2_000;

/**
 * The node after a registration; undefined when it changes nothing. ZOMBIE_NODE for a process that
 * a newer one has replaced, UNSAFE for one that lacks what the cluster has placed on it.
 */
export function registeredNode(topology: Topology, given: NodeRegistration, atMs: number): Node | undefined {
  const known = topology.nodes.get(given.id);
  const registration = normalized(given, known);
  if (known === undefined) {
    assertRoom(topology);
    return { ...registration, state: 'JOINING', stateSinceMs: atMs, registeredAtMs: atMs, intent: 'SERVE' };
  }
  assertCurrent(known, registration.generationId);
  assertSameDisk(topology, known, registration);
  assertDutiesKept(topology, registration);
  const isTakeover = registration.generationId > known.generationId;
  if (!isTakeover && isSame(known, registration)) return undefined;
  const state = stateAfter(topology, known, registration, isTakeover);
  // A new process has its own time to become ready, so JOINING counts from its registration.
  const restarts = state !== known.state || (isTakeover && state === 'JOINING');
  return { ...known, ...registration, state, stateSinceMs: restarts ? atMs : known.stateSinceMs };
}

/** Every member of the cluster holds every node: who registers names at will must not fill their memory. */
function assertRoom({ nodes }: Topology): void {
  let joining = 0;
  for (const { state } of nodes.values()) if (state === 'JOINING') joining += 1;
  if (nodes.size < nodesMax && joining < joiningNodesMax) return;
  const what = nodes.size < nodesMax ? `${joining} nodes are JOINING` : `the cluster has ${nodes.size} nodes`;
  throw new StratumError(
    'RATE_LIMITED',
    `no room for another node: ${what}`,
    { retryAfterMs: joinRetryAfterMs },
    {
      hint: 'nodes that do not become ready are removed after the joining timeout (`stratum node list`)',
    },
  );
}

/** ZOMBIE_NODE when `generationId` is older than the registered one. */
function assertCurrent(known: Node, generationId: bigint): void {
  if (generationId >= known.generationId) return;
  throw zombie(known, generationId);
}

/** The refusal of a process that is not the registered one. */
export function zombie(known: Node, givenGeneration: bigint): StratumError {
  const details = { nodeId: known.id, expectedGeneration: known.generationId, givenGeneration };
  return new StratumError(
    'ZOMBIE_NODE',
    `${known.id} is registered with generation ${known.generationId}, not ${givenGeneration}`,
    details,
    { hint: 'another process has taken over this node id; end this one, or give it an id of its own' },
  );
}

/** A node that comes back without its disk would answer NOT_FOUND for what it has acknowledged. */
function assertSameDisk(topology: Topology, known: Node, given: NodeRegistration): void {
  if (known.diskId === given.diskId) return;
  const isSameProcess = known.generationId === given.generationId;
  // What a partition's other replicas have is restored from them (restarted-partitions.ts).
  if (!isSameProcess && !isInRing(topology, known.id)) return;
  const message = isSameProcess
    ? `${known.id} registers generation ${given.generationId} a second time, with another disk`
    : `${known.id} has data placed on disk ${known.diskId}, and registers with disk ${given.diskId || '(none)'}`;
  throw new StratumError('UNSAFE', message, undefined, {
    hint: 'its data folder was wiped or replaced, or another machine uses its name; bring the old folder back, or start this node under a new id',
  });
}

function assertDutiesKept(topology: Topology, { id, roles }: NodeRegistration): void {
  const lost =
    isInRing(topology, id) && !roles.includes('object')
      ? 'object'
      : holdsPartitions(topology, id) && !roles.includes('metadata')
        ? 'metadata'
        : undefined;
  if (lost === undefined) return;
  throw new StratumError('UNSAFE', `${id} registers without the role ${lost}, and holds data of it`, undefined, {
    hint: `start it with --role ${lost} as well`,
  });
}

/**
 * A node with data keeps its place through every restart. A new process of an ACTIVE node is SUSPECT
 * until its first READY heartbeat: routing tries it last, writes have a hint ready.
 */
function stateAfter(topology: Topology, known: Node, given: NodeRegistration, isTakeover: boolean): NodeState {
  const hasNewRoles = !sameList(known.roles, given.roles);
  if (hasNewRoles && !hasDataPlaced(topology, known.id)) return 'JOINING';
  return isTakeover && known.state === 'ACTIVE' ? 'SUSPECT' : known.state;
}

/**
 * Lists and maps in one order, so that the same registration is the same however it was written. A
 * process knows the weight that it was started with, and repeats it when it registers again: what an
 * operator has set meanwhile holds until the next process.
 */
function normalized(given: NodeRegistration, known: Node | undefined): NodeRegistration {
  const isSameProcess = known?.generationId === given.generationId;
  return {
    id: given.id,
    generationId: given.generationId,
    roles: nodeRoles.filter((role) => given.roles.includes(role)),
    address: given.address,
    httpUrl: given.httpUrl,
    labels: Object.fromEntries(Object.entries(given.labels).sort(([left], [right]) => (left < right ? -1 : 1))),
    weight: isSameProcess ? known.weight : given.weight,
    diskId: given.diskId,
    softwareVersion: given.softwareVersion,
    capacityBytes: given.capacityBytes,
  };
}

function isSame(known: Node, given: NodeRegistration): boolean {
  return (
    known.address === given.address &&
    known.httpUrl === given.httpUrl &&
    known.diskId === given.diskId &&
    known.softwareVersion === given.softwareVersion &&
    known.capacityBytes === given.capacityBytes &&
    sameList(known.roles, given.roles) &&
    sameList(Object.entries(known.labels).flat(), Object.entries(given.labels).flat())
  );
}

function sameList(left: readonly string[], right: readonly string[]): boolean {
  return left.length === right.length && left.every((item, index) => item === right[index]);
}
