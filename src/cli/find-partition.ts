import { StratumError } from '../base/errors.ts';
import type { Partition, Topology } from '../topology/topology.ts';

/** Reads the number of a partition, as "7" or "partition/7"; INVALID_ARGUMENT names `field`. */
export function parsePartitionId(text: string, field = 'partition'): number {
  const [, digits] = /^(?:partition\/)?(\d{1,9})$/.exec(text.trim()) ?? [];
  if (digits !== undefined) return Number(digits);
  const details = { field, reason: `"${text.slice(0, 80)}" is no partition`, expected: 'a number, from 0' };
  throw new StratumError('INVALID_ARGUMENT', `${field}: ${details.reason}`, details, {
    hint: '"stratum partition list" shows all',
  });
}

/** The partition of that number; NOT_FOUND when there is none. */
export function findPartition(topology: Topology, number: number): Partition {
  const partition = topology.partitions[number];
  if (partition !== undefined) return partition;
  const hint = topology.partitions.length === 0 ? 'none are assigned yet' : `0 to ${topology.partitions.length - 1}`;
  const details = { kind: 'partition', id: String(number) };
  throw new StratumError('NOT_FOUND', `there is no partition ${number}`, details, { hint });
}
