import type { Node, Partition, Topology } from '../../topology/topology.ts';
import type { TopologySnapshot } from '../connection.ts';
import type { Column, Listing } from '../output/envelope.ts';
import { type PartitionState, partitionState } from '../partition-state.ts';
import { servesByState } from '../quorum-statistics.ts';

/** A partition in JSON. */
export interface PartitionItem {
  readonly id: number;
  readonly epoch: bigint;
  readonly primaryId: string;
  readonly inSync: readonly string[];
  /** Who holds or fetches its log. */
  readonly replicas: readonly string[];
  readonly state: PartitionState;
}

/** What a replica is to its partition. */
export type ReplicaDuty = 'primary' | 'in-sync' | 'catching-up';

/** A replica of a partition in JSON. */
export interface PartitionReplicaItem {
  readonly nodeId: string;
  readonly duty: ReplicaDuty;
  /** Of the node; empty when it is not registered. */
  readonly state: string;
  readonly address: string;
  readonly zone: string;
  readonly intent: string;
}

/** A partition with its replicas in JSON. */
export interface PartitionDetail extends PartitionItem {
  readonly members: readonly PartitionReplicaItem[];
}

/** The JSON form of a partition. */
export function partitionItem(partition: Partition, topology: Topology): PartitionItem {
  const { id, epoch, primaryId, inSync, replicas } = partition;
  return { id, epoch, primaryId, inSync, replicas, state: partitionState(partition, servesByState(topology)) };
}

/** The JSON form of a partition with what is known of each replica, the primary first. */
export function partitionDetail(partition: Partition, topology: Topology): PartitionDetail {
  const rank: Readonly<Record<ReplicaDuty, number>> = { primary: 0, 'in-sync': 1, 'catching-up': 2 };
  const members = partition.replicas
    .map((nodeId) => replicaItem(nodeId, partition, topology.nodes.get(nodeId)))
    .sort((left, right) => rank[left.duty] - rank[right.duty]);
  return { ...partitionItem(partition, topology), members };
}

function replicaItem(nodeId: string, { primaryId, inSync }: Partition, node: Node | undefined): PartitionReplicaItem {
  const duty = nodeId === primaryId ? 'primary' : inSync.includes(nodeId) ? 'in-sync' : 'catching-up';
  const { state = '', address = '', intent = '', labels = {} } = node ?? {};
  return { nodeId, duty, state, address, zone: labels.zone ?? '', intent };
}

const columns: readonly Column<PartitionItem>[] = [
  { header: 'id', value: ({ id }) => id, right: true },
  { header: 'epoch', value: ({ epoch }) => epoch, right: true },
  { header: 'primary', value: ({ primaryId }) => primaryId },
  { header: 'in-sync', value: ({ inSync }) => inSync.join(',') },
  { header: 'replicas', value: ({ replicas }) => replicas.join(',') },
  { header: 'state', value: ({ state }) => state },
];

/** Partitions by number. */
export function partitionListing(
  items: readonly PartitionItem[],
  source: TopologySnapshot['source'],
): Listing<PartitionItem> {
  return {
    kind: 'PartitionList',
    source,
    items,
    rows: items,
    columns,
    name: ({ id }) => `partition/${id}`,
    emptyText: 'there is no such partition',
  };
}

/** One partition after it was looked at or changed. */
export function onePartition(item: PartitionItem, source: TopologySnapshot['source']): Listing<PartitionItem> {
  return { ...partitionListing([item], source), kind: 'Partition' };
}
