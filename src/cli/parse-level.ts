import type { ConsistencyLevel } from '../replication/object-api.ts';

/** What --level takes. */
export const consistencyLevels = ['one', 'quorum', 'all'] as const;

/** The consistency level of a flag whose values the parser has checked. */
export function parseLevel(text: string): ConsistencyLevel {
  const levels: Readonly<Record<string, ConsistencyLevel>> = { one: 'ONE', all: 'ALL' };
  return levels[text] ?? 'QUORUM';
}
