import { StratumError } from '../../../base/errors.ts';
import type { Partition, Topology } from '../../../topology/topology.ts';

/** The refusal of a node that is not the primary of a partition, with who is, as far as it knows. */
export function notPrimaryError(
  nodeId: string,
  partition: number,
  assignment: Partition | undefined,
  topology: Topology | undefined,
): StratumError<'NOT_PRIMARY'> {
  const { primaryId = '', epoch = 0n } = assignment ?? {};
  // It may know that it is deposed, and not yet by whom.
  const other = primaryId === nodeId || primaryId === '' ? undefined : primaryId;
  const address = other === undefined ? undefined : topology?.nodes.get(other)?.address;
  return new StratumError(
    'NOT_PRIMARY',
    `node ${nodeId} is not the primary of partition ${partition}${other === undefined ? ' any more' : `, ${other} is`}`,
    {
      partition,
      epoch,
      ...(other === undefined ? {} : { primaryId: other }),
      ...(address === undefined ? {} : { primaryAddress: address }),
    },
  );
}
