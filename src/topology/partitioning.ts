import { hash } from 'node:crypto';
import { StratumError } from '../base/errors.ts';
import type { Partition, Topology } from './topology.ts';

/**
 * The partition of a repository: the first 4 bytes of SHA-256 of its name, modulo the number of
 * partitions. By the name and not by the id, because a caller knows only the name and the id is in
 * the partition that it looks for. It never changes for a name. A repository that is renamed stays where it is,
 * and the partition of its new name leads there.
 */
export function partitionOf(repoName: string, partitions: number): number {
  return hash('sha256', repoName, 'buffer').readUInt32BE(0) % partitions;
}

/** The assignment of a repository's partition; NOT_READY while it has no primary. */
export function partitionOfRepo(topology: Topology | undefined, repoName: string): Partition {
  const partitions = assignedPartitions(topology);
  const partition = partitions[partitionOf(repoName, partitions.length)];
  if (partition === undefined) throw unassigned(0, partitions.length);
  return partition;
}

/** All partitions; NOT_READY unless each has a primary. */
export function assignedPartitions(topology: Topology | undefined): readonly Partition[] {
  if (topology === undefined) {
    throw new StratumError('NOT_READY', 'this process has no topology yet', { what: 'topology' });
  }
  const { partitions } = topology;
  const have = partitions.filter(({ epoch, primaryId }) => epoch > 0n && primaryId !== '').length;
  if (partitions.length === 0 || have < partitions.length) throw unassigned(have, partitions.length);
  return partitions;
}

function unassigned(have: number, need: number): StratumError<'NOT_READY'> {
  return new StratumError(
    'NOT_READY',
    `metadata partitions are not assigned yet: ${have} of ${need} have a primary`,
    { what: 'metadata partitions', have, need },
    { hint: 'start metadata nodes; stratum topology show tells which are active' },
  );
}
