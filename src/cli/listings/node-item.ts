import type { Node } from '../../topology/topology.ts';
import { toTime } from '../output/json.ts';

/** A node in JSON. */
export interface NodeItem {
  readonly id: string;
  readonly roles: readonly string[];
  readonly state: string;
  readonly stateSince: string;
  readonly address: string;
  readonly httpUrl: string;
  readonly intent: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly weight: number;
  readonly generationId: bigint;
  readonly diskId: string;
  readonly softwareVersion: string;
  readonly capacityBytes: number;
  readonly registeredAt: string;
}

/** The JSON form of a node. */
export function nodeItem(node: Node): NodeItem {
  return {
    id: node.id,
    roles: node.roles,
    state: node.state,
    stateSince: toTime(node.stateSinceMs),
    address: node.address,
    httpUrl: node.httpUrl,
    intent: node.intent,
    labels: node.labels,
    weight: node.weight,
    generationId: node.generationId,
    diskId: node.diskId,
    softwareVersion: node.softwareVersion,
    capacityBytes: Number(node.capacityBytes),
    registeredAt: toTime(node.registeredAtMs),
  };
}
