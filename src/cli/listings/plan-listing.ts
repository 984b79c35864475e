import type { Listing, Source } from '../output/envelope.ts';

/** What "-o name" calls that which each action is about. */
const kinds = {
  'leader transfer': 'node',
  'member add': 'member',
  'member remove': 'member',
  'partition move': 'partition',
  'repo rename': 'repo',
  'repo delete': 'repo',
  'repo restore': 'repo',
} as const;

/** What a change would do, in JSON. */
export interface PlannedChange {
  readonly action: keyof typeof kinds;
  /** Id or name of what it is about; empty where the choice is the leader's. */
  readonly target: string;
  /** False when there is nothing to do. */
  readonly changes: boolean;
  /** What the change is about, as it is and as it would be. */
  readonly before: object;
  readonly after: object;
  /** For people. */
  readonly detail: string;
}

/** The answer to --dry-run. */
export function planListing(change: PlannedChange, source: Source): Listing<PlannedChange> {
  return {
    kind: 'Plan',
    source,
    items: [change],
    rows: [change],
    columns: [
      { header: 'action', value: ({ action }) => action },
      { header: 'target', value: ({ target }) => target },
      { header: 'changes', value: ({ changes }) => changes },
      { header: 'detail', value: ({ detail }) => detail },
    ],
    name: ({ action, target }) => `${kinds[action]}/${target}`,
    extra: { dryRun: true },
  };
}
