import type { MetadataHandlers } from '../../../client/metadata-handlers.ts';
import { decodePageToken, encodePageToken, pageSizeOf } from '../../../client/metadata-page-token.ts';
import type { GetRepoLogResponse, RepoLogEntry } from '../../../rpc/gen/stratum/v1/metadata.ts';
import type { MetadataModules } from '../metadata-modules.ts';
import { readRepo } from '../repo-state.ts';
import { checkRepoName, homeOf, invalid } from '../request-fields.ts';
import { prefixRange, type StateReader } from '../state.ts';
import { changeKey, changePrefix, encodePosition, type Position, positionOfKey } from '../state-keys.ts';
import { decodeChanges } from '../state-records.ts';

/** A change and where it stands. */
interface PlacedChange {
  readonly position: Position;
  readonly entry: RepoLogEntry;
}

/** Changes that one call looks at, however few of them are of the wanted ref: some milliseconds of work. */
const changesSeenMax = 20_000;

/** MetadataService.GetRepoLog: changes of refs, newest first. */
export function getRepoLog({ partitions }: Pick<MetadataModules, 'partitions'>): MetadataHandlers['getRepoLog'] {
  return async ({ repo: repoName, pageSize, pageToken, ref, home }) => {
    const name = checkRepoName(repoName, 'repo');
    const size = pageSizeOf(pageSize);
    const before = decodePosition(decodePageToken(pageToken));
    return partitions.read(homeOf(partitions, name, home), (state) => {
      const { id } = readRepo(state, name).repo;
      return readPage(changesBefore(state, id, before), ref, size);
    });
  };
}

/** Fills a page; it ends early when many changes of other refs had to be looked at. */
function readPage(changes: Iterable<PlacedChange>, ref: string, size: number): GetRepoLogResponse {
  const entries: RepoLogEntry[] = [];
  let last: Position | undefined;
  let seen = 0;
  for (const { position, entry } of changes) {
    // There is another change, so there may be another page.
    if (last !== undefined && (entries.length === size || seen === changesSeenMax)) {
      return { entries, nextPageToken: encodePageToken(positionText(last)) };
    }
    if (ref === '' || entry.ref === ref) entries.push(entry);
    last = position;
    seen += 1;
  }
  return { entries, nextPageToken: '' };
}

/** Changes that stand before a position, or all of them, last first. */
function* changesBefore(state: StateReader, repoId: string, before: Position | undefined): Iterable<PlacedChange> {
  const all = prefixRange(changePrefix(repoId));
  const end = before === undefined ? all.end : changeKey(repoId, encodePosition(before));
  for (const { key, value } of state.range({ start: all.start, end, reverse: true })) {
    const first = positionOfKey(key);
    const entries = decodeChanges(value);
    for (const [at, entry] of [...entries.entries()].reverse()) {
      const position = { index: first.index, ordinal: first.ordinal + at };
      // A record that begins before the position may end behind it.
      const isBehind = before !== undefined && position.index === before.index && position.ordinal >= before.ordinal;
      if (!isBehind) yield { position, entry };
    }
  }
}

function positionText({ index, ordinal }: Position): string {
  return `${index}.${ordinal}`;
}

function decodePosition(text: string): Position | undefined {
  if (text === '') return undefined;
  const [, index, ordinal] = /^(\d{1,19})\.(\d{1,9})$/.exec(text) ?? [];
  if (index !== undefined && ordinal !== undefined) return { index: BigInt(index), ordinal: Number(ordinal) };
  throw invalid('page_token', 'page_token is of another listing', 'next_page_token of the page before, or nothing');
}
