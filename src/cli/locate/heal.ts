import { explain } from '../../base/errors.ts';
import type { NotedGap } from '../../replication/replica-gaps.ts';
import type { ClusterConnection } from '../connection.ts';
import type { Location } from './locate.ts';
import type { Presence, Replica } from './replica.ts';
import type { ReplicaSurvey } from './replica-survey.ts';
import { verdictOf } from './verdict.ts';

/** What was done about a copy: "" when there was nothing to do, or nothing that could be done. */
export type Treatment = 'healed' | 'would-heal' | 'failed' | '';

/** A copy after it was hashed, and healed where that was needed and possible. */
export interface VerifiedReplica extends Replica {
  /** What the node said at first; `presence` is what holds now. */
  readonly found: Presence;
  readonly treatment: Treatment;
}

/** A blob whose copies were hashed. */
export interface VerifiedLocation extends Location {
  readonly replicas: readonly VerifiedReplica[];
}

/** What heals. */
export interface HealModules {
  readonly cluster: Pick<ClusterConnection, 'closeGaps'>;
  /** Hashes the new copies. */
  readonly survey: ReplicaSurvey;
}

/** The blobs as they were found, with what healing would do. */
export function unhealed(locations: readonly Location[]): VerifiedLocation[] {
  return locations.map((location) => {
    const replicas = location.replicas.map((replica) => {
      const treatment: Treatment = canHeal(location, replica) ? 'would-heal' : '';
      return { ...replica, found: replica.presence, treatment };
    });
    return { ...location, replicas };
  });
}

/**
 * Puts verified copies in the place of missing and corrupt ones, and gives the blobs as they are then:
 * the new copies are hashed where they lie.
 */
export async function heal(
  found: readonly VerifiedLocation[],
  needed: { readonly wanted: number; readonly quorum: number },
  { cluster, survey }: HealModules,
): Promise<VerifiedLocation[]> {
  const gaps = found.flatMap(gapsOf);
  if (gaps.length === 0) return [...found];
  const results = await cluster.closeGaps(gaps);
  const errors = new Map(
    results.flatMap((result) =>
      'error' in result ? [[`${result.gap.oid} ${result.gap.nodeId}`, explain(result.error)]] : [],
    ),
  );
  const treated = found.filter(({ replicas }) => replicas.some(({ treatment }) => treatment === 'would-heal'));
  const answers = await survey.ask(treated);
  const after = new Map(treated.map(({ oid }, index) => [oid, answers[index] ?? []]));
  return found.map((location) => {
    const now = after.get(location.oid);
    if (now === undefined) return location;
    const replicas = location.replicas.map((before, order): VerifiedReplica => {
      const replica = { ...before, ...now[order] };
      if (before.treatment === '') return replica;
      if (replica.presence === 'present') return { ...replica, treatment: 'healed' };
      const error = errors.get(`${location.oid} ${before.nodeId}`) ?? replica.error;
      return { ...replica, treatment: 'failed', error };
    });
    return { ...location, replicas, verdict: verdictOf(replicas, needed) };
  });
}

/** Whether the copy is surely not good while another surely is: a corrupt copy is never a source. */
function canHeal(location: Location, { presence }: Replica): boolean {
  const isLacking = presence === 'missing' || presence === 'corrupt';
  return isLacking && location.replicas.some((other) => other.presence === 'present');
}

function gapsOf({ oid, size, replicas }: VerifiedLocation): NotedGap[] {
  return replicas
    .filter(({ treatment }) => treatment === 'would-heal')
    .map(({ nodeId, found }) => ({ oid, size, nodeId, reason: found === 'corrupt' ? 'CORRUPT' : 'MISSING' }));
}
