import { StratumError } from '../base/errors.ts';
import type {
  Audit,
  ClusterSettings,
  Node,
  NodeIntent,
  NodeRegistration,
  NodeRole,
  NodeState,
  Partition,
  ReportedState,
  Ring,
  Topology,
  TopologyUpdate,
} from '../topology/topology.ts';
import type { TopologyUpdate as UpdateMessage } from './gen/stratum/v1/coordinator.ts';
import {
  type Audit as AuditMessage,
  NodeIntent as IntentMessage,
  type Node as NodeMessage,
  type Partition as PartitionMessage,
  ReportedState as ReportedMessage,
  type Ring as RingMessage,
  NodeRole as RoleMessage,
  type ClusterSettings as SettingsMessage,
  NodeState as StateMessage,
  type Topology as TopologyMessage,
} from './gen/stratum/v1/types.ts';

/** A two-way table between the names of the domain and the numbers of the wire. */
function enumTable<Name extends string>(table: Record<Name, number>) {
  const names = new Map(Object.entries<number>(table).map(([name, value]) => [value, name as Name]));
  return {
    toWire: (name: Name): number => table[name],
    fromWire: (value: number): Name | undefined => names.get(value),
  };
}

const roles = enumTable<NodeRole>({
  coordinator: RoleMessage.COORDINATOR,
  object: RoleMessage.OBJECT,
  metadata: RoleMessage.METADATA,
  frontend: RoleMessage.FRONTEND,
});
const states = enumTable<NodeState>({
  JOINING: StateMessage.JOINING,
  ACTIVE: StateMessage.ACTIVE,
  SUSPECT: StateMessage.SUSPECT,
  DRAINING: StateMessage.DRAINING,
  DOWN: StateMessage.DOWN,
});
const intents = enumTable<NodeIntent>({
  SERVE: IntentMessage.SERVE,
  DRAIN: IntentMessage.DRAIN,
  EVICT: IntentMessage.EVICT,
  REMOVE: IntentMessage.REMOVE,
});
const reported = enumTable<ReportedState>({
  STARTING: ReportedMessage.STARTING,
  READY: ReportedMessage.READY,
  STOPPING: ReportedMessage.STOPPING,
});

function known<T>(value: T | undefined, field: string, got: number): T {
  if (value !== undefined) return value;
  const details = {
    field,
    reason: `unknown value ${got}`,
    expected: 'a value that this version knows',
  };
  throw new StratumError('INVALID_ARGUMENT', `${field}: unknown value ${got}`, details);
}

/** What a node says of itself; INVALID_ARGUMENT for a value that this version does not know. */
export function decodeReportedState(value: number): ReportedState {
  return value === 0 ? 'STARTING' : known(reported.fromWire(value), 'reported_state', value);
}

/** The wire's number of a reported state. */
export function encodeReportedState(state: ReportedState): ReportedMessage {
  return reported.toWire(state);
}

/** A registration from the wire; checks of its content are src/topology/validate-registration.ts's. */
export function decodeRegistration(message: NodeMessage): NodeRegistration {
  return {
    id: message.id,
    generationId: message.generationId,
    roles: message.roles.map((role) => known(roles.fromWire(role), 'node.roles', role)),
    address: message.address,
    httpUrl: message.httpUrl,
    labels: { ...message.labels },
    weight: message.weight,
    diskId: message.diskId,
    softwareVersion: message.softwareVersion,
    capacityBytes: message.capacityBytes,
  };
}

/** A registration for the wire. */
export function encodeRegistration(node: NodeRegistration): NodeMessage {
  return {
    id: node.id,
    generationId: node.generationId,
    roles: node.roles.map((role) => roles.toWire(role)),
    address: node.address,
    httpUrl: node.httpUrl,
    labels: { ...node.labels },
    weight: node.weight,
    diskId: node.diskId,
    softwareVersion: node.softwareVersion,
    capacityBytes: node.capacityBytes,
    state: StateMessage.UNSPECIFIED,
    stateSinceMs: 0n,
    registeredAtMs: 0n,
    intent: IntentMessage.UNSPECIFIED,
    intentAudit: undefined,
  };
}

/** A node from the wire. */
export function decodeNode(message: NodeMessage): Node {
  return {
    ...decodeRegistration(message),
    state: known(states.fromWire(message.state), 'node.state', message.state),
    stateSinceMs: Number(message.stateSinceMs),
    registeredAtMs: Number(message.registeredAtMs),
    intent: message.intent === 0 ? 'SERVE' : decodeIntent(message.intent),
    ...(message.intentAudit === undefined ? {} : { intentAudit: decodeAudit(message.intentAudit) }),
  };
}

/** A node for the wire. */
export function encodeNode(node: Node): NodeMessage {
  return {
    ...encodeRegistration(node),
    state: states.toWire(node.state),
    stateSinceMs: BigInt(node.stateSinceMs),
    registeredAtMs: BigInt(node.registeredAtMs),
    intent: intents.toWire(node.intent),
    intentAudit: node.intentAudit === undefined ? undefined : encodeAudit(node.intentAudit),
  };
}

/** What an operator wants of a node; INVALID_ARGUMENT for a value that this version does not know. */
export function decodeIntent(value: number): NodeIntent {
  return known(intents.fromWire(value), 'intent', value);
}

function decodeAudit({ actor, reason, atMs }: AuditMessage): Audit {
  return { actor, reason, atMs: Number(atMs) };
}

function encodeAudit({ actor, reason, atMs }: Audit): AuditMessage {
  return { actor, reason, atMs: BigInt(atMs) };
}

/** What a cluster goes by that was created before there were these settings: 0 on the wire. The defaults of node-config. */
const earlierSettings = { metadataReplicas: 3, metadataLeaseMs: 3_000 };

function decodeSettings(message: SettingsMessage): ClusterSettings {
  return {
    ...message,
    heartbeatIntervalMs: Number(message.heartbeatIntervalMs),
    suspectTimeoutMs: Number(message.suspectTimeoutMs),
    downTimeoutMs: Number(message.downTimeoutMs),
    metadataReplicas: message.metadataReplicas || earlierSettings.metadataReplicas,
    metadataLeaseMs: Number(message.metadataLeaseMs) || earlierSettings.metadataLeaseMs,
  };
}

function encodeSettings(settings: ClusterSettings): SettingsMessage {
  return {
    ...settings,
    heartbeatIntervalMs: BigInt(settings.heartbeatIntervalMs),
    suspectTimeoutMs: BigInt(settings.suspectTimeoutMs),
    downTimeoutMs: BigInt(settings.downTimeoutMs),
    metadataLeaseMs: BigInt(settings.metadataLeaseMs),
  };
}

function encodeRing(ring: Ring): RingMessage {
  return { ...ring, nodes: ring.nodes.map((node) => ({ ...node })) };
}

/** A partition for the wire. */
export function encodePartition(partition: Partition): PartitionMessage {
  return {
    ...partition,
    inSync: [...partition.inSync],
    replicas: [...partition.replicas],
  };
}

/** A topology from the wire; INVALID_ARGUMENT when a part is missing. */
export function decodeTopology(message: TopologyMessage): Topology {
  const { ring, settings } = message;
  if (ring === undefined || settings === undefined) {
    const field = ring === undefined ? 'topology.ring' : 'topology.settings';
    throw new StratumError('INVALID_ARGUMENT', `${field} is missing`, {
      field,
      reason: 'missing',
    });
  }
  return {
    clusterId: message.clusterId,
    version: message.version,
    term: message.term,
    nodes: new Map(message.nodes.map((node) => [node.id, decodeNode(node)])),
    ring,
    partitions: message.partitions,
    settings: decodeSettings(settings),
  };
}

/** A topology for the wire. */
export function encodeTopology(topology: Topology): TopologyMessage {
  return {
    clusterId: topology.clusterId,
    version: topology.version,
    term: topology.term,
    nodes: [...topology.nodes.values()].map(encodeNode),
    ring: encodeRing(topology.ring),
    transition: undefined,
    partitions: topology.partitions.map(encodePartition),
    settings: encodeSettings(topology.settings),
  };
}

/** An update from the wire. */
export function decodeUpdate(message: UpdateMessage): TopologyUpdate {
  return {
    version: message.version,
    previousVersion: message.previousVersion,
    term: message.term,
    atMs: Number(message.atMs),
    reason: message.reason,
    nodesChanged: message.nodesChanged.map(decodeNode),
    nodesRemoved: message.nodesRemoved,
    ...(message.ring === undefined ? {} : { ring: message.ring }),
    partitionsChanged: message.partitionsChanged,
    ...(message.settings === undefined ? {} : { settings: decodeSettings(message.settings) }),
    ...(message.audit === undefined ? {} : { audit: decodeAudit(message.audit) }),
  };
}

/** An update for the wire. */
export function encodeUpdate(update: TopologyUpdate): UpdateMessage {
  return {
    version: update.version,
    previousVersion: update.previousVersion,
    term: update.term,
    atMs: BigInt(update.atMs),
    reason: update.reason,
    nodesChanged: update.nodesChanged.map(encodeNode),
    nodesRemoved: [...update.nodesRemoved],
    ring: update.ring === undefined ? undefined : encodeRing(update.ring),
    transition: undefined,
    partitionsChanged: update.partitionsChanged.map(encodePartition),
    settings: update.settings === undefined ? undefined : encodeSettings(update.settings),
    audit: update.audit === undefined ? undefined : encodeAudit(update.audit),
  };
}
