import type { StateReader, StateWrite } from '../state.ts';
import { totalsKey } from '../state-keys.ts';
import { decodeNumber, encodeNumber } from '../state-records.ts';

/** How many repositories a partition holds. */
export function readRepoCount(state: StateReader): bigint {
  const bytes = state.get(totalsKey);
  return bytes === undefined ? 0n : decodeNumber(bytes);
}

/** The write that changes the count. */
export function countRepos(state: StateReader, difference: 1n | -1n): StateWrite {
  return { key: totalsKey, value: encodeNumber(readRepoCount(state) + difference) };
}
