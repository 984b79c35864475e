import type { Partition } from '../../../topology/topology.ts';
import type { MemberProgress } from './member-progress.ts';
import type { ReplicationTimings } from './replication-timings.ts';

/** The in-sync set never falls below this once it has reached it: a second copy of all that was acknowledged. */
const inSyncMin = 2;

/** What a primary sees of its replicas at one moment. */
export interface InSyncView {
  readonly nodeId: string;
  readonly assignment: Partition;
  readonly members: ReadonlyMap<string, MemberProgress>;
  readonly nowMs: number;
  /** Silence counts from here at the earliest. */
  readonly listensFromMs: number;
}

/** How it judges them. */
export interface InSyncRules {
  readonly timings: ReplicationTimings;
  /** Whether what is known is of the node's registered process. */
  readonly counts: (nodeId: string) => boolean;
  /** Whether the coordinators take the node for well. */
  readonly isWell: (nodeId: string) => boolean;
  /** Who has the log up to here has all that may have been acknowledged. */
  readonly caughtUpFrom: bigint;
}

/**
 * The in-sync set as it should be: without those that have been silent or behind for too long, with those that have
 * caught up; undefined when it is so already. Where too few would be left, the ones heard last stay: then nothing is
 * acknowledged without them, so that whoever of them comes back has all of it.
 */
export function nextInSync(view: InSyncView, rules: InSyncRules): readonly string[] | undefined {
  const { nodeId, assignment, members } = view;
  const { inSync, replicas } = assignment;
  const kept = inSync.filter((id) => id === nodeId || !isLaggard(view, rules, id));
  const added = replicas.filter((id) => !inSync.includes(id) && isCaughtUp(view, rules, id));
  const next = [...kept, ...added];
  const heardLast = inSync
    .filter((id) => !kept.includes(id))
    .sort((left, right) => (members.get(right)?.heardMs ?? 0) - (members.get(left)?.heardMs ?? 0));
  while (next.length < Math.min(inSyncMin, inSync.length)) next.push(...heardLast.splice(0, 1));
  const isSame = next.length === inSync.length && next.every((id) => inSync.includes(id));
  return isSame ? undefined : next;
}

function isLaggard(
  { members, nowMs, listensFromMs, assignment }: InSyncView,
  { timings, isWell }: InSyncRules,
  id: string,
): boolean {
  // A member of the set that is no replica any more is the coordinators' to take out.
  const member = members.get(id);
  if (member === undefined) return !assignment.replicas.includes(id);
  const allowedMs = isWell(id) ? timings.laggardMs : timings.unwellLaggardMs;
  const silentMs = nowMs - Math.max(member.heardMs, listensFromMs);
  return silentMs > allowedMs || nowMs - member.behindSinceMs > timings.appendTimeoutMs + timings.laggardMs;
}

/** It has all, and has just answered: from the moment of the proposal every commit waits for it. */
function isCaughtUp(
  { members, nowMs }: InSyncView,
  { timings, counts, isWell, caughtUpFrom }: InSyncRules,
  id: string,
): boolean {
  const member = members.get(id);
  if (member?.matchIndex === undefined || !counts(id) || !isWell(id)) return false;
  return member.matchIndex >= caughtUpFrom && nowMs - member.leaseFromMs < timings.leaseMs;
}
