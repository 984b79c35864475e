import type { MetadataHandlers } from '../../../client/metadata-handlers.ts';
import { decodePageToken, encodePageToken, pageSizeOf } from '../../../client/metadata-page-token.ts';
import type { MetadataModules } from '../metadata-modules.ts';
import { readRepo } from '../repo-state.ts';
import { checkRepoName, invalid } from '../request-fields.ts';
import { prefixRange } from '../state.ts';
import { changeKey, changePrefix, encodePosition, type Position, positionOfKey } from '../state-keys.ts';
import { decodeChange } from '../state-records.ts';

/** MetadataService.GetRepoLog: changes of refs, newest first. */
export function getRepoLog({ reads }: Pick<MetadataModules, 'reads'>): MetadataHandlers['getRepoLog'] {
  return async ({ repo: repoName, pageSize, pageToken }) => {
    const name = checkRepoName(repoName, 'repo');
    const size = pageSizeOf(pageSize);
    const before = decodePosition(decodePageToken(pageToken));
    return reads.ofRepo(name, (state) => {
      const { id } = readRepo(state, name).repo;
      const all = prefixRange(changePrefix(id));
      const end = before === undefined ? all.end : changeKey(id, encodePosition(before));
      const found = [...state.range({ start: all.start, end, reverse: true, limit: size + 1 })];
      const last = found.length > size ? found[size - 1] : undefined;
      return {
        entries: found.slice(0, size).map(({ value }) => decodeChange(value)),
        nextPageToken: last === undefined ? '' : encodePageToken(positionText(positionOfKey(last.key))),
      };
    });
  };
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
