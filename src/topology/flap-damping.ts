import type { ClusterSettings } from './topology.ts';

/** Suspicions older than this no longer count as flapping (contracts.md, section 2). */
const flapWindowMs = 10 * 60_000;

/** From so many suspicions within the window on, a node is given more time (contracts.md, section 2). */
const flapsMin = 3;

/** More suspicions of a node than this are not kept: the count ends here, and so does its cost. */
export const suspicionsMax = 100;

/** After what silence one node is marked, in milliseconds, and how often it was suspected of late. */
export interface NodeTimeouts {
  readonly suspectTimeoutMs: number;
  readonly downTimeoutMs: number;
  /** Suspicions within the damping window. */
  readonly flapCount: number;
}

/**
 * The timeouts of a node that was suspected at the times given, oldest first, on the same clock as
 * `nowMs`. Three suspicions within ten minutes double both: a node that keeps coming back is slow
 * rather than gone, and each of its comings and goings costs the whole cluster a change.
 */
export function timeoutsOf(settings: ClusterSettings, suspicionsMs: readonly number[], nowMs: number): NodeTimeouts {
  const flapCount = recentSuspicions(suspicionsMs, nowMs).length;
  const factor = flapCount >= flapsMin ? 2 : 1;
  return {
    suspectTimeoutMs: settings.suspectTimeoutMs * factor,
    downTimeoutMs: settings.downTimeoutMs * factor,
    flapCount,
  };
}

/** The suspicions within the damping window that ends now; the very list when all are, as nearly always. */
export function recentSuspicions(suspicionsMs: readonly number[], nowMs: number): readonly number[] {
  const sinceMs = nowMs - flapWindowMs;
  const oldestMs = suspicionsMs[0];
  if (oldestMs === undefined || oldestMs >= sinceMs) return suspicionsMs;
  return suspicionsMs.filter((atMs) => atMs >= sinceMs);
}
