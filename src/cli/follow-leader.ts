import type { Clock } from '../base/clock.ts';
import type { ErrorCode } from '../base/error-codes.ts';
import { asStratumError, type StratumError } from '../base/errors.ts';
import type { LeaderItem } from './listings/leader-listing.ts';
import type { Listing } from './output/envelope.ts';

/** An election takes seconds: looked at every second, none is missed that anybody could notice. */
const pollIntervalMs = 1_000;

/** A change of the leader, that there is none, or that nobody could be asked. */
export type LeaderEvent =
  | { readonly kind: 'leader'; readonly listing: Listing<LeaderItem>; readonly leader: LeaderItem }
  | { readonly kind: 'none'; readonly error: StratumError }
  | { readonly kind: 'lost'; readonly error: StratumError };

/** Whoever answers one of these has been asked and knows of no leader. */
const noneCodes: ReadonlySet<ErrorCode> = new Set(['NO_LEADER', 'NO_QUORUM', 'NOT_READY'] as const);

/**
 * The present leader and then each change, for as long as the signal allows, over lost connections.
 * A report with a lower term than one before comes from a coordinator that is behind, and is passed
 * over. Rejects when nobody answers the first time, and with refusals that another try cannot mend.
 */
export async function* followLeader(
  read: () => Promise<Listing<LeaderItem>>,
  options: { readonly signal: AbortSignal },
  { clock }: { readonly clock: Clock },
): AsyncGenerator<LeaderEvent, void, undefined> {
  const { signal } = options;
  let told = '';
  let termMax = 0n;
  while (!signal.aborted) {
    const event = await look(read);
    if (signal.aborted) return;
    if (event.kind === 'lost' && (told === '' || !event.error.row.retryable)) throw event.error;
    const isBehind = event.kind === 'leader' && event.leader.term < termMax;
    const state = event.kind === 'leader' ? `leader ${event.leader.leaderId} ${event.leader.term}` : event.kind;
    if (!isBehind && state !== told) {
      told = state;
      if (event.kind === 'leader') termMax = event.leader.term;
      yield event;
    }
    // Only the user's interruption ends the pause early, and the loop's condition sees it.
    await clock.sleep(pollIntervalMs, signal).catch(() => undefined);
  }
}

async function look(read: () => Promise<Listing<LeaderItem>>): Promise<LeaderEvent> {
  try {
    const listing = await read();
    const [leader] = listing.items;
    if (leader !== undefined) return { kind: 'leader', listing, leader };
    throw new RangeError('a listing of a leader has one item');
  } catch (cause) {
    const error = asStratumError(cause);
    return { kind: noneCodes.has(error.code) ? 'none' : 'lost', error };
  }
}
