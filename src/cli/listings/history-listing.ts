import type { TopologyUpdate } from '../../topology/topology.ts';
import type { Listing, Source } from '../output/envelope.ts';
import { toTime } from '../output/json.ts';

/** An applied command in JSON. */
export interface HistoryItem {
  readonly version: bigint;
  readonly at: string;
  readonly term: bigint;
  /** The command in a few words. */
  readonly reason: string;
  /** Who asked for it and why; null when the cluster itself did. */
  readonly by: { readonly actor: string; readonly reason: string } | null;
  readonly nodesChanged: readonly string[];
  readonly nodesRemoved: readonly string[];
  readonly partitionsChanged: readonly number[];
  readonly ringChanged: boolean;
  readonly settingsChanged: boolean;
}

/** Applied commands, newest last. `keptSinceVersion`: those up to it are no longer remembered. */
export function historyListing(
  updates: readonly TopologyUpdate[],
  keptSinceVersion: bigint,
  source: Source,
): Listing<HistoryItem> {
  const items = updates.map(historyItem);
  return {
    kind: 'TopologyHistory',
    source,
    items,
    rows: items,
    columns: [
      { header: 'version', value: ({ version }) => version, right: true },
      { header: 'time', value: ({ at }) => at },
      { header: 'term', value: ({ term }) => term, right: true },
      { header: 'reason', value: ({ reason }) => reason },
      { header: 'by', value: ({ by }) => by?.actor ?? '' },
      { header: 'why', value: ({ by }) => by?.reason ?? '' },
    ],
    name: ({ version }) => `version/${version}`,
    extra: { keptSinceVersion },
    emptyText: 'no command was applied',
  };
}

function historyItem(update: TopologyUpdate): HistoryItem {
  const { version, atMs, term, reason, audit, nodesChanged, nodesRemoved, partitionsChanged } = update;
  return {
    version,
    at: toTime(atMs),
    term,
    reason,
    by: audit === undefined ? null : { actor: audit.actor, reason: audit.reason },
    nodesChanged: nodesChanged.map(({ id }) => id),
    nodesRemoved,
    partitionsChanged: partitionsChanged.map(({ id }) => id),
    ringChanged: update.ring !== undefined,
    settingsChanged: update.settings !== undefined,
  };
}
