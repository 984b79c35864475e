import type { Topology } from '../../topology/topology.ts';
import type { TopologySnapshot } from '../connection.ts';
import type { Listing } from '../output/envelope.ts';
import { type NodeItem, nodeItem } from './node-item.ts';
import { sortNodes } from './sort-nodes.ts';

/** The nodes of a topology by role and id; ring, partitions and settings stand beside them in JSON. */
export function topologyListing({ topology, source }: TopologySnapshot): Listing<NodeItem> {
  const items = sortedNodes(topology);
  return {
    kind: 'Topology',
    source,
    items,
    rows: items,
    columns: [
      { header: 'id', value: ({ id }) => id },
      { header: 'roles', value: ({ roles }) => roles.join(',') },
      { header: 'state', value: ({ state }) => state },
      { header: 'address', value: ({ address }) => address },
      { header: 'http', value: ({ httpUrl }) => httpUrl },
      { header: 'zone', value: ({ labels }) => labels.zone ?? '', wide: true },
      { header: 'weight', value: ({ weight }) => weight, wide: true, right: true },
      { header: 'version', value: ({ softwareVersion }) => softwareVersion, wide: true },
      { header: 'since', value: ({ stateSince }) => stateSince, wide: true },
      { header: 'generation', value: ({ generationId }) => generationId, wide: true },
    ],
    name: ({ id }) => `node/${id}`,
    extra: topologyItem(topology),
    emptyText: 'no node has registered yet',
  };
}

/** What a topology holds beside its nodes, for JSON. */
export function topologyItem(topology: Topology) {
  const { clusterId, version, term, ring, partitions, settings } = topology;
  return { clusterId, version, term, ring, partitions, settings };
}

/** The nodes by their first role and id; "object-10" comes after "object-9". */
export function sortedNodes(topology: Topology): NodeItem[] {
  return sortNodes(topology.nodes.values()).map(nodeItem);
}

/** One line about the cluster for people, beside the table of nodes. */
export function topologySummary({ clusterId, version, ring, partitions }: Topology): string {
  const assigned = partitions.filter(({ primaryId }) => primaryId !== '').length;
  const formed = ring.epoch > 0n ? `ring epoch ${ring.epoch} of ${ring.nodes.length} nodes` : 'no ring yet';
  return `cluster ${clusterId}, version ${version}, ${formed}, ${assigned} of ${partitions.length} partitions assigned`;
}
