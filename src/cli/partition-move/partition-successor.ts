import { StratumError } from '../../base/errors.ts';
import type { Partition, Topology } from '../../topology/topology.ts';

/** The in-sync replica that has the fewest primaries, as the coordinator chooses too; UNSAFE when there is no other one. */
export function successorOfPrimary({ id, primaryId, inSync }: Partition, { nodes, partitions }: Topology): string {
  const primaries = (nodeId: string) => partitions.filter((each) => each.primaryId === nodeId).length;
  const [best] = inSync
    .filter((nodeId) => nodeId !== primaryId)
    .filter((nodeId) => nodes.get(nodeId)?.state === 'ACTIVE' && nodes.get(nodeId)?.intent === 'SERVE')
    .sort((left, right) => primaries(left) - primaries(right) || (left < right ? -1 : 1));
  if (best !== undefined) return best;
  throw new StratumError('UNSAFE', `no other replica of partition ${id} is in sync and ready`, undefined, {
    hint: '--to names a node that is to catch up first',
  });
}
