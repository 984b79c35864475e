import { backoffMs } from '../base/backoff.ts';
import type { Clock } from '../base/clock.ts';
import { asStratumError, StratumError } from '../base/errors.ts';
import type { Random } from '../base/random.ts';
import { coordinatorBackoff } from '../client/coordinator-backoff.ts';
import type { WatchEvent } from '../client/watch-event.ts';
import type { ClusterConnection } from './connection.ts';

/** Three keepalives of a coordinator: a longer silence is a dead connection. */
const silenceMaxMs = 30_000;

/** An event of the watch, or that the connection was lost; the watch then goes on by itself. */
export type FollowEvent = WatchEvent | { readonly kind: 'lost'; readonly error: StratumError };

/** How to follow. */
export interface FollowOptions {
  /** Asked before every connect: events after it are wanted; 0 asks for a full sync first. */
  readonly sinceVersion: () => bigint;
  /** Milliseconds until the first event must have come. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/**
 * The topology's changes for as long as the signal allows, over lost connections and restarted
 * coordinators. Ends when the signal aborts; rejects when no event ever came, and with refusals
 * that another try cannot mend.
 */
export async function* followTopology(
  cluster: ClusterConnection,
  options: FollowOptions,
  modules: { readonly clock: Clock; readonly random: Random },
): AsyncGenerator<FollowEvent, void, undefined> {
  const { signal, timeoutMs } = options;
  let heard = false;
  let failures = 0;
  const startedMs = modules.clock.monotonicMs();
  while (!signal.aborted) {
    const attempt = new Attempt(signal, modules.clock);
    try {
      attempt.expectWithin(heard ? silenceMaxMs : timeoutMs);
      for await (const event of cluster.watch(options.sinceVersion(), attempt.signal)) {
        attempt.expectWithin(silenceMaxMs);
        heard = true;
        failures = 0;
        yield event;
      }
    } catch (error) {
      if (signal.aborted) return;
      const failure = asStratumError(error);
      const isOverdue = !heard && modules.clock.monotonicMs() - startedMs >= timeoutMs;
      if (isOverdue || !failure.row.retryable) throw failure;
      if (heard && failures === 0) yield { kind: 'lost', error: failure };
    } finally {
      attempt.end();
    }
    failures += 1;
    // Only the user's interruption ends the pause early, and the loop's condition sees it.
    await modules.clock.sleep(backoffMs(failures, coordinatorBackoff, modules.random), signal).catch(() => undefined);
  }
}

/** One connection: aborted with the user's signal, or when nothing comes for too long. */
class Attempt {
  readonly #controller = new AbortController();
  readonly #parent: AbortSignal;
  readonly #clock: Clock;
  #timer: { cancel(): void } | undefined;
  readonly #onAbort = () => this.#controller.abort(this.#parent.reason);

  constructor(parent: AbortSignal, clock: Clock) {
    this.#parent = parent;
    this.#clock = clock;
    parent.addEventListener('abort', this.#onAbort, { once: true });
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  expectWithin(timeoutMs: number): void {
    this.#timer?.cancel();
    this.#timer = this.#clock.after(timeoutMs, () => {
      const details = { endpoint: 'coordinator', method: 'WatchTopology', timeoutMs };
      const message = `no coordinator sent anything for ${timeoutMs} ms`;
      this.#controller.abort(new StratumError('DEADLINE_EXCEEDED', message, details));
    });
  }

  end(): void {
    this.#timer?.cancel();
    this.#parent.removeEventListener('abort', this.#onAbort);
  }
}
