import { StratumError } from '../../../base/errors.ts';
import type { Topology } from '../../../topology/topology.ts';
import type { MemberProgress } from './member-progress.ts';

/** In-sync replicas do not answer: the lease does not hold, and nothing can be committed. */
export function insufficientReplicas(
  partition: number,
  { required, silent }: { readonly required: number; readonly silent: readonly string[] },
  { members, topology }: { readonly members: ReadonlyMap<string, MemberProgress>; readonly topology: Topology },
): StratumError<'INSUFFICIENT_REPLICAS'> {
  const nodes = silent.map((nodeId) => {
    const unheard = new StratumError('NOT_READY', 'it has not been heard yet', { what: nodeId });
    const endpoint = topology.nodes.get(nodeId)?.address ?? '';
    return { nodeId, endpoint, attempt: 1, error: members.get(nodeId)?.lastError ?? unheard };
  });
  const achieved = required - silent.length;
  return new StratumError(
    'INSUFFICIENT_REPLICAS',
    `partition ${partition}: ${achieved} of ${required} in-sync replicas answer (not ${silent.join(', ')})`,
    { required, achieved, nodes },
    { hint: `start the metadata nodes that are missing; \`stratum partition show ${partition}\` tells more` },
  );
}

/** A primary that is not yet one in full. */
export function justChanged(partition: number, isWaiting: boolean): StratumError<'NOT_READY'> {
  const what = `partition ${partition}`;
  const why = isWaiting
    ? 'the lease of the primary before it may still hold'
    : 'its in-sync replicas take over its log';
  return new StratumError('NOT_READY', `the primary of ${what} has just changed: ${why}`, { what });
}

/** A primary whose disk has lost what was committed. */
export function lossOfEntries(partition: number, applied: bigint, last: bigint): StratumError<'DATA_CORRUPT'> {
  return new StratumError(
    'DATA_CORRUPT',
    `partition ${partition}: an in-sync replica has applied up to ${applied}, the log of this primary ends at ${last}`,
    undefined,
    { hint: 'another replica takes its place by itself; start this node with an empty data folder' },
  );
}
