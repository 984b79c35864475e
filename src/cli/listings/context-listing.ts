import type { Context, ContextFile } from '../contexts.ts';
import type { Listing } from '../output/envelope.ts';

/** A context as `context list` shows it. */
export interface ContextItem {
  readonly name: string;
  readonly current: boolean;
  readonly coordinators: readonly string[];
  readonly gitUrls: readonly string[];
  readonly dataDir: string;
}

/** The listing of some of a file's contexts. */
export function contextListing(file: ContextFile, contexts: readonly Context[]): Listing<ContextItem> {
  const items = contexts.map((context) => ({
    name: context.name,
    current: context.name === file.current,
    coordinators: context.coordinators,
    gitUrls: context.gitUrls ?? [],
    dataDir: context.dataDir ?? '',
  }));
  return {
    kind: 'ContextList',
    items,
    rows: items,
    columns: [
      { header: 'current', value: ({ current }) => (current ? '*' : '') },
      { header: 'name', value: ({ name }) => name },
      { header: 'coordinators', value: ({ coordinators }) => coordinators.join(',') },
      { header: 'git', value: ({ gitUrls }) => gitUrls.join(',') },
      { header: 'data', value: ({ dataDir }) => dataDir, wide: true },
    ],
    name: ({ name }) => `context/${name}`,
    emptyText: 'no context is configured; "stratum cluster up" or "stratum context set" makes one',
  };
}
