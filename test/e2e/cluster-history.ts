import { isDeepStrictEqual } from 'node:util';
import type { TopologyUpdate } from '../../src/topology/topology.ts';
import type { CoordinatorCluster } from './coordinator-cluster.ts';
import { countChanges, type Outcome } from './registrations.ts';

const pageMax = 200;

/** All that one coordinator remembers of what came after a version. */
export async function historyAt(cluster: CoordinatorCluster, id: string, sinceVersion: bigint) {
  const client = cluster.client([cluster.coordinator(id).address]);
  const updates: TopologyUpdate[] = [];
  for (let since = sinceVersion; ; ) {
    const page = await client.getTopologyHistory({ sinceVersion: since, limit: pageMax });
    updates.push(...page.updates);
    const last = page.updates.at(-1)?.version;
    if (last === undefined || last >= page.version) return { updates, keptSinceVersion: page.keptSinceVersion };
    since = last;
  }
}

/** Where the histories of the coordinators differ from what a watcher was told after a version; empty when nowhere. */
export async function differences(
  cluster: CoordinatorCluster,
  sinceVersion: bigint,
  told: ReadonlyMap<bigint, TopologyUpdate>,
): Promise<readonly string[]> {
  const found: string[] = [];
  for (const id of cluster.coordinatorIds) {
    const { updates, keptSinceVersion } = await historyAt(cluster, id, sinceVersion);
    const first = (keptSinceVersion > sinceVersion ? keptSinceVersion : sinceVersion) + 1n;
    if (updates.length === 0) found.push(`${id} remembers nothing after ${sinceVersion}`);
    for (const [index, update] of updates.entries()) {
      const expected = first + BigInt(index);
      if (update.version !== expected) found.push(`${id} has version ${update.version} in the place of ${expected}`);
      // What has come since the watcher was asked is looked at the next time.
      const watched = told.get(update.version);
      if (watched !== undefined && !isDeepStrictEqual(watched, update)) {
        found.push(`${id} has another version ${update.version}: "${update.reason}", told was "${watched.reason}"`);
      }
    }
  }
  return found;
}

/** The marks of a state in the updates: "version id". */
export function marks(updates: Iterable<TopologyUpdate>, state: string, prefixes: string): readonly string[] {
  const found: string[] = [];
  for (const { version, nodesChanged } of updates) {
    for (const { id, state: given } of nodesChanged) {
      if (given === state && prefixes.includes(id[0] ?? '')) found.push(`version ${version}: ${id}, ${given}`);
    }
  }
  return found;
}

/** Changes that were acknowledged and are not there, or that are there more than once. */
export function broken(
  updates: Iterable<TopologyUpdate>,
  outcomes: {
    readonly registered: ReadonlyMap<string, Outcome>;
    readonly deregistered: ReadonlyMap<string, Outcome>;
  },
): readonly string[] {
  const { registered, removed } = countChanges(updates);
  const found: string[] = [];
  for (const [id, outcome] of outcomes.registered) {
    const times = registered.get(id) ?? 0;
    if (times > 1 || (outcome === 'done' && times === 0))
      found.push(`${id} was registered ${times} times (${outcome})`);
    const ended = removed.get(id) ?? 0;
    const isLost = outcomes.deregistered.get(id) === 'done' && times > 0 && ended === 0;
    if (ended > 1 || isLost) found.push(`${id} was removed ${ended} times`);
  }
  return found;
}
