import { StratumError } from '../base/errors.ts';

/** Marks the form of a token, so that an older one is told from a wrong one. */
const tokenPrefix = 'a1.';

/** Longer than any token of ours. */
const tokenCharactersMax = 4_096;

/** Default and largest page of every listing of the metadata service. */
const defaultPageSize = 100;
const pageSizeMax = 1_000;

/** A page token that says behind what the next page begins. Opaque to callers. */
export function encodePageToken(after: string): string {
  return tokenPrefix + Buffer.from(after).toString('base64url');
}

/** Behind what a page begins; empty for the first page. INVALID_ARGUMENT for a token of somebody else's making. */
export function decodePageToken(token: string): string {
  if (token === '') return '';
  const after =
    token.length > tokenCharactersMax ? '' : Buffer.from(token.slice(tokenPrefix.length), 'base64url').toString();
  if (after !== '' && encodePageToken(after) === token) return after;
  const reason = 'not a token of this listing';
  throw new StratumError('INVALID_ARGUMENT', `page_token is ${reason}`, {
    field: 'page_token',
    reason,
    expected: 'next_page_token of the page before, or nothing',
  });
}

/** How many entries a page shall have; 0 stands for the default. INVALID_ARGUMENT beyond the limit. */
export function pageSizeOf(pageSize: number): number {
  if (pageSize === 0) return defaultPageSize;
  if (Number.isInteger(pageSize) && pageSize > 0 && pageSize <= pageSizeMax) return pageSize;
  const expected = `1 to ${pageSizeMax}, or 0 for ${defaultPageSize}`;
  throw new StratumError('INVALID_ARGUMENT', `page_size is ${pageSize}, expected ${expected}`, {
    field: 'page_size',
    reason: `${pageSize} is out of range`,
    expected,
  });
}
