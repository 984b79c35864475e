import { createHash } from 'node:crypto';
import { StratumError } from '../../../base/errors.ts';
import type { RefResult, UpdateRefsRequest, UpdateRefsResponse } from '../../../rpc/gen/stratum/v1/metadata.ts';
import type { StateReader, StateWrite } from '../state.ts';
import { answerKeyOfExpiry, pushAnswerKey, pushExpiryKey, pushExpiryRange } from '../state-keys.ts';
import { decodeAnswer, encodeAnswer, encodeBytes } from '../state-records.ts';
import type { EntryContext } from './applied.ts';

/**
 * How long a push id is remembered: a day, far longer than any client retries. By the entries' own
 * times, so that all replicas forget the same. Where a primary's clock jumps ahead by more, a
 * retry is no longer known and finds its refs changed: refused, never done twice.
 */
export const answerKeptMs = 24n * 60n * 60n * 1000n;

/** Answers that one push clears away at most: more than it adds, so that they go in time. */
const sweptMax = 16;

/** The earlier answer to this push id; INVALID_ARGUMENT when it was given for another request. */
export function replayedAnswer(state: StateReader, request: UpdateRefsRequest): UpdateRefsResponse | undefined {
  const bytes = state.get(pushAnswerKey(request.repoId, request.pushId));
  if (bytes === undefined) return undefined;
  const { digest, response } = decodeAnswer(bytes);
  if (!digest.equals(digestOf(request))) {
    const reason = 'this push id was used for another push';
    throw new StratumError('INVALID_ARGUMENT', reason, {
      field: 'push_id',
      reason,
      expected: 'a new id for each push',
    });
  }
  const refused = new Map(response.results.map((result) => [result.name, result]));
  const results = request.commands.map(({ name }) => refused.get(name) ?? updated(name));
  return { results, refsGeneration: response.refsGeneration, replayed: true };
}

/** The writes that keep an answer and forget old ones. */
export function keepAnswer(
  state: StateReader,
  request: UpdateRefsRequest,
  response: UpdateRefsResponse,
  { atMs }: EntryContext,
): StateWrite[] {
  const { repoId, pushId } = request;
  const refused = { ...response, results: response.results.filter((result) => !result.updated) };
  const writes: StateWrite[] = [
    {
      key: pushAnswerKey(repoId, pushId),
      value: encodeAnswer({ atMs, digest: digestOf(request), response: refused }),
    },
    { key: pushExpiryKey(atMs, repoId, pushId), value: encodeBytes(Buffer.alloc(0)) },
  ];
  if (atMs <= answerKeptMs) return writes;
  for (const { key } of state.range({ ...pushExpiryRange(atMs - answerKeptMs), limit: sweptMax })) {
    writes.push({ key, value: undefined }, { key: answerKeyOfExpiry(key), value: undefined });
  }
  return writes;
}

/** The result of a command that was carried out. */
export function updated(name: string): RefResult {
  return { name, updated: true, errorCode: '', errorMessage: '' };
}

function digestOf({ commands, atomic, packs }: UpdateRefsRequest): Buffer {
  // Names and ids hold no newline and no space: the text is unambiguous.
  const lines = commands.map(({ name, oldId, newId, newPeeledId }) => `${oldId} ${newId} ${newPeeledId} ${name}`);
  const text = [atomic ? 'atomic' : 'each', ...lines, ...packs.map(({ name }) => `pack ${name}`)].join('\n');
  return createHash('sha256').update(text).digest();
}
