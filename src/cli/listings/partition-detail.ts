import type { Source } from '../output/envelope.ts';
import type { StreamedListing } from '../output/listing-stream.ts';
import type { PartitionDetail, PartitionReplicaItem } from './partition-listing.ts';

interface MemberRow {
  readonly partition: PartitionDetail;
  /** Undefined for a partition that nobody holds yet. */
  readonly member: PartitionReplicaItem | undefined;
}

/** Partitions with a row for each replica. */
export function partitionDetails(
  batches: AsyncIterable<readonly PartitionDetail[]>,
  source: Source,
): StreamedListing<PartitionDetail, MemberRow> {
  return {
    kind: 'PartitionDetailList',
    source,
    batches,
    rowsOf: (partition) => {
      if (partition.members.length === 0) return [{ partition, member: undefined }];
      return partition.members.map((member) => ({ partition, member }));
    },
    columns: [
      { header: 'id', value: ({ partition }) => partition.id, right: true },
      { header: 'epoch', value: ({ partition }) => partition.epoch, right: true },
      { header: 'state', value: ({ partition }) => partition.state },
      { header: 'node', value: ({ member }) => member?.nodeId ?? '' },
      { header: 'duty', value: ({ member }) => member?.duty ?? '' },
      { header: 'node-state', value: ({ member }) => member?.state ?? '' },
      { header: 'zone', value: ({ member }) => member?.zone ?? '', wide: true },
      { header: 'intent', value: ({ member }) => member?.intent ?? '', wide: true },
      { header: 'address', value: ({ member }) => member?.address ?? '', wide: true },
    ],
    name: ({ id }) => `partition/${id}`,
    unreachable: () => [],
  };
}
