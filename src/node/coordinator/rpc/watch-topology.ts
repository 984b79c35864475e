import { StratumError } from '../../../base/errors.ts';
import type { Consensus } from '../../../consensus/consensus.ts';
import type { WatchTopologyRequest, WatchTopologyResponse } from '../../../rpc/gen/stratum/v1/coordinator.ts';
import type { ServerStreamHandler } from '../../../rpc/handlers.ts';
import type { CoordinatorModules } from '../coordinator-modules.ts';
import { fullSyncEvent, keepaliveEvent, laggedEvent, updateEvent } from '../watch-events.ts';
import { WatchQueue, type WatchQueueItem, watchQueueMax } from '../watch-queue.ts';

/** Less than the contract promises (at least every 10 s), so that a late timer still keeps it. */
const keepaliveIntervalMs = 8_000;

/** A copy that is older cannot tell a reader that it is up to date: as long as the contract lets a reader wait for a word. */
const copyAgeMaxMs = 10_000;

type WatchModules = Pick<CoordinatorModules, 'consensus' | 'clock' | 'stopping'>;

/**
 * CoordinatorService.WatchTopology. A coordinator that has lost its store gives what it has, never a
 * keepalive, and ends the stream with NO_QUORUM: the reader goes on at another one.
 */
export function watchTopology({
  consensus,
  clock,
  stopping,
}: WatchModules): ServerStreamHandler<WatchTopologyRequest, WatchTopologyResponse> {
  return async function* ({ sinceVersion }, { signal }) {
    const ended = endOf(signal, stopping);
    const queue = new WatchQueue({ updatesMax: watchQueueMax }, { clock });
    // Subscribing and reading the start happen in one synchronous step, so that no update falls between.
    const start = startOf(consensus, sinceVersion);
    const unsubscribe = consensus.subscribe((update) => (update === undefined ? queue.jump() : queue.push(update)));
    try {
      yield* start;
      while (!ended.signal.aborted) {
        assertCurrent(consensus);
        const item = await queue.take(keepaliveIntervalMs, ended.signal);
        if (ended.signal.aborted) break;
        if (item.kind === 'idle') assertCurrent(consensus);
        yield* eventsOf(item, consensus, queue);
      }
    } finally {
      unsubscribe();
      ended.release();
    }
    // The caller's own end needs no answer; the coordinator's sends the caller to another one.
    if (!signal.aborted) throw stopping.reason;
  };
}

function* eventsOf(item: WatchQueueItem, consensus: Consensus, queue: WatchQueue): Iterable<WatchTopologyResponse> {
  switch (item.kind) {
    case 'update':
      yield updateEvent(item.update);
      return;
    case 'idle':
      yield keepaliveEvent(consensus.current());
      return;
    case 'lagged':
      yield laggedEvent(item.dropped);
      break;
    case 'jumped':
      break;
  }
  queue.reset();
  yield fullSyncEvent(consensus.current());
}

function startOf(consensus: Consensus, sinceVersion: bigint): readonly WatchTopologyResponse[] {
  const topology = consensus.current();
  if (sinceVersion > topology.version) throw fromTheFuture(consensus, sinceVersion, topology.version);
  const missed = consensus.history(sinceVersion);
  if (sinceVersion === 0n || missed === undefined) return [fullSyncEvent(topology)];
  if (missed.length > 0) return missed.map(updateEvent);
  assertCurrent(consensus);
  // A reader that is up to date learns so at once.
  return [keepaliveEvent(topology)];
}

/** A follower may be behind the coordinator that the reader comes from; the leader has all versions that there are. */
function fromTheFuture(consensus: Consensus, sinceVersion: bigint, version: bigint): StratumError {
  if (!consensus.leadership().isLeader) {
    const message = `this coordinator has read version ${version}, and not yet ${sinceVersion}`;
    return new StratumError('NOT_READY', message, { what: `version ${sinceVersion} of the topology` });
  }
  const details = {
    field: 'since_version',
    reason: `${sinceVersion} is above the current version`,
    expected: `at most ${version}, or 0 for a full sync`,
  };
  return new StratumError('INVALID_ARGUMENT', `since_version ${sinceVersion} is above ${version}`, details);
}

function assertCurrent(consensus: Consensus): void {
  const ageMs = Math.floor(consensus.ageMs());
  if (ageMs <= copyAgeMaxMs) return;
  const message = `this coordinator has not heard from its store for ${ageMs} ms`;
  throw new StratumError('NO_QUORUM', message, { what: 'the store of the coordinators', sinceMs: ageMs });
}

/**
 * Aborts with the first of both. AbortSignal.any would leave a trace of every watch at the signal
 * of the coordinator's stop, which outlives them all.
 */
function endOf(signal: AbortSignal, stopping: AbortSignal): { readonly signal: AbortSignal; release(): void } {
  const ended = new AbortController();
  const end = () => ended.abort();
  if (signal.aborted || stopping.aborted) end();
  signal.addEventListener('abort', end, { once: true });
  stopping.addEventListener('abort', end, { once: true });
  return {
    signal: ended.signal,
    release: () => {
      signal.removeEventListener('abort', end);
      stopping.removeEventListener('abort', end);
    },
  };
}
