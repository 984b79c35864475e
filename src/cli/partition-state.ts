import type { Partition } from '../topology/topology.ts';
import { quorumOf, type Serves } from './quorum-statistics.ts';

/** How well a partition can serve. */
export type PartitionState = 'ok' | 'degraded' | 'no-quorum' | 'unassigned';

/** All states, mildest first. */
export const partitionStates: readonly PartitionState[] = ['ok', 'degraded', 'unassigned', 'no-quorum'];

/** The contract's exit codes; before it is assigned a partition takes no write either. */
const exitCodes: Readonly<Record<PartitionState, number>> = { ok: 0, degraded: 5, unassigned: 6, 'no-quorum': 6 };

/**
 * The state of a partition: "no-quorum" when fewer than two of its in-sync replicas are there (of a single one: when
 * it is not), "degraded" when fewer are in sync and there than it has replicas.
 */
export function partitionState({ primaryId, inSync, replicas }: Partition, serves: Serves): PartitionState {
  if (primaryId === '') return 'unassigned';
  const there = inSync.filter(serves).length;
  if (there < quorumOf(inSync)) return 'no-quorum';
  return there < replicas.length ? 'degraded' : 'ok';
}

/** The exit code of the worst of them. */
export function partitionsExitCode(states: readonly PartitionState[]): number {
  return Math.max(0, ...states.map((state) => exitCodes[state]));
}
