import { formatBytes, formatDuration } from '../../base/units.ts';
import type { Node } from '../../topology/topology.ts';
import type { NodeHeartbeat, TopologySnapshot } from '../connection.ts';
import { loadParts } from '../node-load.ts';
import type { Listing } from '../output/envelope.ts';
import type { HeartbeatsRead } from '../read-heartbeats.ts';
import { heartbeatItem } from './heartbeat-item.ts';
import { type NodeItem, nodeItem } from './node-item.ts';
import { sortNodes } from './sort-nodes.ts';

/** A node with its heartbeat in JSON. */
export interface ListedNode extends NodeItem {
  /** Null where the leader could not be asked. */
  readonly heartbeat: ReturnType<typeof heartbeatItem> | null;
}

interface NodeRow {
  readonly item: ListedNode;
  readonly node: Node;
  readonly heartbeat: NodeHeartbeat | undefined;
}

/** The nodes by role and id, with what the leader remembers of their heartbeats. */
export function nodeListing(snapshot: TopologySnapshot, read: HeartbeatsRead): Listing<ListedNode, NodeRow> {
  const rows = sortNodes(snapshot.topology.nodes.values()).map((node) => {
    const heartbeat = read.heartbeats.get(node.id);
    const item = { ...nodeItem(node), heartbeat: heartbeat === undefined ? null : heartbeatItem(heartbeat) };
    return { item, node, heartbeat };
  });
  return {
    kind: 'NodeList',
    source: snapshot.source,
    items: rows.map(({ item }) => item),
    rows,
    columns: [
      { header: 'id', value: ({ node }) => node.id },
      { header: 'roles', value: ({ node }) => node.roles.join(',') },
      { header: 'state', value: ({ node }) => node.state },
      { header: 'heartbeat', value: ({ heartbeat }) => ageOf(heartbeat), right: true },
      { header: 'flaps', value: ({ heartbeat }) => heartbeat?.flapCount ?? '-', right: true },
      { header: 'load', value: loadOf },
      { header: 'intent', value: ({ node }) => node.intent },
      { header: 'address', value: ({ node }) => node.address, wide: true },
      { header: 'http', value: ({ node }) => node.httpUrl, wide: true },
      { header: 'zone', value: ({ node }) => node.labels.zone ?? '', wide: true },
      { header: 'weight', value: ({ node }) => node.weight, wide: true, right: true },
      { header: 'free', value: ({ heartbeat }) => freeOf(heartbeat), wide: true, right: true },
      { header: 'uptime', value: ({ heartbeat }) => uptimeOf(heartbeat), wide: true, right: true },
      { header: 'topology', value: ({ heartbeat }) => heartbeat?.knownVersion ?? '-', wide: true, right: true },
      { header: 'version', value: ({ node }) => node.softwareVersion, wide: true },
      { header: 'since', value: ({ item }) => item.stateSince, wide: true },
      { header: 'generation', value: ({ node }) => node.generationId, wide: true },
    ],
    name: ({ id }) => `node/${id}`,
    unreachable: read.unreachable,
    emptyText: 'no node has registered yet',
  };
}

function ageOf(heartbeat: NodeHeartbeat | undefined): string {
  return heartbeat === undefined ? '-' : formatDuration(heartbeat.ageMs);
}

function loadOf({ node, heartbeat }: NodeRow): string {
  return heartbeat === undefined ? '-' : loadParts(node.roles, heartbeat).join(', ');
}

function freeOf(heartbeat: NodeHeartbeat | undefined): string {
  return heartbeat === undefined || heartbeat.freeBytes === 0 ? '-' : formatBytes(heartbeat.freeBytes);
}

function uptimeOf(heartbeat: NodeHeartbeat | undefined): string {
  return heartbeat === undefined || heartbeat.uptimeMs === 0 ? '-' : formatDuration(heartbeat.uptimeMs);
}
