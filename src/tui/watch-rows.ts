import { formatDuration } from '../base/units.ts';
import { loadParts } from '../cli/node-load.ts';
import type { Node, NodeRole } from '../topology/topology.ts';
import { nodeRoles } from '../topology/topology.ts';
import type { HeartbeatView, WatchSnapshot } from './watch-snapshot.ts';

/** How alarming a row is; colour only repeats what the words say. */
export type Tone = 'good' | 'plain' | 'warning' | 'bad';

/** One node's line. */
export interface NodeRow {
  readonly id: string;
  readonly state: string;
  readonly tone: Tone;
  /** The heartbeat's age against its time-outs, as a bar. */
  readonly bar: string;
  readonly age: string;
  /** How often the node was suspected lately. */
  readonly flaps: string;
  readonly generation: string;
  /** Where it is reached, the most telling first. */
  readonly addresses: readonly string[];
  readonly load: readonly string[];
  readonly leader: boolean;
}

/** The nodes of one role, by id. A node with several roles stands under its first. */
export interface RoleGroup {
  readonly role: NodeRole;
  readonly rows: readonly NodeRow[];
}

const tones: Readonly<Record<Node['state'], Tone>> = {
  JOINING: 'plain',
  ACTIVE: 'good',
  SUSPECT: 'warning',
  DRAINING: 'plain',
  DOWN: 'bad',
};

/** All nodes, grouped by role. */
export function roleGroups(snapshot: WatchSnapshot, barWidth: number): readonly RoleGroup[] {
  const nodes = [...snapshot.topology.nodes.values()].sort((a, b) => a.id.localeCompare(b.id, 'en', { numeric: true }));
  return nodeRoles
    .map((role) => ({
      role,
      rows: nodes.filter((node) => node.roles[0] === role).map((node) => nodeRow(node, snapshot, barWidth)),
    }))
    .filter(({ rows }) => rows.length > 0);
}

function nodeRow(node: Node, snapshot: WatchSnapshot, barWidth: number): NodeRow {
  const heartbeat = snapshot.heartbeats.get(node.id);
  return {
    id: node.id,
    state: node.state,
    tone: tones[node.state],
    bar: heartbeat === undefined ? ' '.repeat(barWidth) : heartbeatBar(heartbeat, barWidth),
    age: heartbeat === undefined ? '-' : formatDuration(heartbeat.ageMs),
    flaps: heartbeat === undefined ? '-' : String(heartbeat.flapCount),
    generation: String(node.generationId),
    addresses: node.httpUrl === '' ? [node.address] : [node.httpUrl, node.address],
    load: heartbeat === undefined ? [] : loadParts(node.roles, heartbeat),
    leader: node.id === snapshot.leaderId,
  };
}

/**
 * The age of a heartbeat from 0 to the down time-out: filled with "#" up to now, "|" where SUSPECT
 * begins. A full bar is a node that is DOWN, or will be at the next look.
 */
export function heartbeatBar(heartbeat: HeartbeatView, width: number): string {
  const scale = Math.max(1, heartbeat.downTimeoutMs);
  const filled = Math.min(width, Math.round((heartbeat.ageMs / scale) * width));
  const suspectAt = Math.min(width - 1, Math.round((heartbeat.suspectTimeoutMs / scale) * width));
  return Array.from({ length: width }, (_, index) => {
    if (index < filled) return '#';
    return index === suspectAt ? '|' : '.';
  }).join('');
}
