import type { PlanPartitionsResponse } from '../../rpc/gen/stratum/v1/coordinator.ts';
import type { Listing, Source } from '../output/envelope.ts';

/** What the coordinators mean to do about a partition, in JSON. */
export interface PlannedPartitionItem {
  readonly partition: number;
  /** failover, handover, add-replica, remove-replica or balance. */
  readonly step: string;
  /** "later": it waits for something, which the reason says. */
  readonly when: 'now' | 'later';
  readonly reason: string;
  /** The partition after the change; null for what waits. */
  readonly after: {
    readonly primaryId: string;
    readonly inSync: readonly string[];
    readonly replicas: readonly string[];
  } | null;
}

/** The plan: what is to be done now, the most urgent first, and then what waits. */
export function partitionPlanListing(
  { changes, deferred }: PlanPartitionsResponse,
  source: Source,
): Listing<PlannedPartitionItem> {
  const now = changes.map(({ step, reason, partition }): PlannedPartitionItem => {
    const { id = 0, primaryId = '', inSync = [], replicas = [] } = partition ?? {};
    return { partition: id, step, when: 'now', reason, after: { primaryId, inSync, replicas } };
  });
  const later = deferred.map(({ partition, step, reason }): PlannedPartitionItem => {
    return { partition, step, when: 'later', reason, after: null };
  });
  const items = [...now, ...later];
  return {
    kind: 'PartitionPlan',
    source,
    items,
    rows: items,
    columns: [
      { header: 'partition', value: ({ partition }) => partition, right: true },
      { header: 'step', value: ({ step }) => step },
      { header: 'when', value: ({ when }) => when },
      { header: 'primary', value: ({ after }) => after?.primaryId ?? '' },
      { header: 'replicas', value: ({ after }) => after?.replicas.join(',') ?? '' },
      { header: 'reason', value: ({ reason }) => reason },
      { header: 'in-sync', value: ({ after }) => after?.inSync.join(',') ?? '', wide: true },
    ],
    name: ({ partition }) => `partition/${partition}`,
    emptyText: 'nothing is to be done now (`stratum partition list` shows the state of each partition)',
  };
}
