import { canonicalFetch, encodeFetch, parseFetch } from '../../../src/git/fetch-request.ts';
import { type FetchResponse, readFetchResponse } from './fetch-response.ts';
import type { RandomHistory } from './random-history.ts';
import { askRealGit, rawBody } from './real-upload-pack.ts';

/** An answer, with what git says of a failure where only its operator sees it. */
export interface Answer extends FetchResponse {
  readonly failure: string | undefined;
}

/** Has the installed git answer a body of `fetch`. */
export async function ask(history: RandomHistory, body: Buffer): Promise<Answer> {
  const { stdout, stderr, exitCode } = askRealGit(history.gitDir, body);
  const response = await readFetchResponse(stdout);
  return { ...response, failure: exitCode === 0 ? response.error : (response.error ?? stderr.replace(/\n$/, '')) };
}

/** The body as a client sends it. */
export function rawFetch(history: RandomHistory, args: readonly string[]): Buffer {
  return rawBody('fetch', args, ['agent=git/2.50.1', `object-format=${history.objectFormat}`]);
}

/** The canonical request of the arguments; undefined when git is given them as they are. */
export function canonicalBody(history: RandomHistory, args: readonly string[]): Buffer | undefined {
  const request = parseFetch(args, history.objectFormat);
  return request === undefined ? undefined : encodeFetch(canonicalFetch(request), history.objectFormat);
}
