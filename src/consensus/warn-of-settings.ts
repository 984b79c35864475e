import type { Logger } from '../base/log.ts';
import type { ClusterSettings } from '../topology/topology.ts';

/** Settings belong to the cluster: the ones that it was created with hold, and whoever configures others is told. */
export function warnOfSettings(stored: ClusterSettings, configured: ClusterSettings, log: Logger): void {
  const keys = Object.keys(stored) as (keyof ClusterSettings)[];
  const ignored = keys.filter((key) => stored[key] !== configured[key]);
  if (ignored.length === 0) return;
  const inForce = Object.fromEntries(ignored.map((key) => [key, stored[key]]));
  const message = 'the cluster was created with other settings, which hold; the configured ones are not used';
  log.warn({ ignored, inForce }, message);
}
