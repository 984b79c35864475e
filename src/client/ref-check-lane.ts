import type { Clock, Timer } from '../base/clock.ts';
import type { CheckRefsRequest, CheckRefsResponse, RefsCheck, Repo } from '../rpc/gen/stratum/v1/metadata.ts';
import type { Topology, TopologySource } from '../topology/topology.ts';
import { reroutedAfterMs } from './metadata-call.ts';
import { refsChecksMax } from './metadata-limits.ts';
import { type FindRoute, fingerprintOf } from './metadata-routes.ts';

/** Calls to one node that are under way at once: while the node works on one, the next is on its way. */
const callsMax = 2;

/** Checks that wait at the most; those beyond go to GetRefs, each for itself. */
const waitingMax = 10_000;

/** A check with the way to its partition, and how long it may take. */
export interface RefCheck {
  readonly check: RefsCheck;
  readonly find: FindRoute;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** What a lane works with. */
export interface RefCheckLaneModules {
  readonly clock: Clock;
  readonly topology: TopologySource;
  /** One call to the node of the lane. */
  readonly call: (request: CheckRefsRequest, signal: AbortSignal) => Promise<CheckRefsResponse>;
  /** Told when the lane has nothing more to do; it is not used again. */
  readonly onIdle: () => void;
}

interface Waiter {
  readonly check: RefsCheck;
  readonly find: FindRoute;
  readonly untilMs: number;
  readonly answer: (repo: Repo | undefined) => void;
}

interface SentCall {
  /** Those who have not given up. */
  readonly waiters: Set<Waiter>;
  readonly gone: AbortController;
}

/**
 * The checks of this process on their way to one node. A check joins only a call that has not been sent yet: what a call
 * under way reads may be older than the check, so that its answer would be stale. While calls are under way
 * checks therefore wait, and the next call carries all that wait; a lone one goes at once. All limits of
 * time are kept by one timer for all, because a timer for each would cost more than the check.
 */
export class RefCheckLane {
  readonly #modules: RefCheckLaneModules;
  readonly #fingerprint: string;
  readonly #waiting = new Set<Waiter>();
  readonly #calls = new Set<SentCall>();
  readonly #unsubscribe: () => void;
  #isSendDue = false;
  #sweep: Timer | undefined;
  #sweepAtMs = Number.POSITIVE_INFINITY;
  #rerouting: Timer | undefined;

  /** `find` leads to the node. */
  constructor({ find }: { readonly find: FindRoute }, modules: RefCheckLaneModules) {
    this.#modules = modules;
    this.#fingerprint = fingerprintOf([find], modules.topology.current());
    this.#unsubscribe = modules.topology.subscribe((changed) => this.#follow(changed));
  }

  /**
   * The repository, when its refs are unchanged at some moment after this call began; undefined when they are not, or when
   * this cannot be told in time. Rejects with the reason of the signal only.
   */
  ask({ check, find, timeoutMs, signal }: RefCheck): Promise<Repo | undefined> {
    if (this.#waiting.size >= waitingMax) return Promise.resolve(undefined);
    const { promise, resolve, reject } = Promise.withResolvers<Repo | undefined>();
    const waiter = { check, find, untilMs: this.#modules.clock.monotonicMs() + timeoutMs, answer: resolve };
    this.#waiting.add(waiter);
    this.#sweepBy(waiter.untilMs);
    this.#sendSoon();
    if (signal === undefined) return promise;
    const onAbort = () => {
      this.#leave(waiter);
      reject(signal.reason);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    return promise.finally(() => signal.removeEventListener('abort', onAbort));
  }

  /** When all that runs now has run: who has just got an answer often asks anew in the same moment. */
  #sendSoon(): void {
    if (this.#isSendDue || this.#calls.size >= callsMax || this.#waiting.size === 0) return;
    this.#isSendDue = true;
    queueMicrotask(() =>
      process.nextTick(() => {
        this.#isSendDue = false;
        this.#sendWaiting();
      }),
    );
  }

  #sendWaiting(): void {
    while (this.#calls.size < callsMax && this.#waiting.size > 0) {
      const waiters = [...this.#waiting.values().take(refsChecksMax)];
      for (const waiter of waiters) this.#waiting.delete(waiter);
      void this.#send(waiters);
    }
    this.#endIfIdle();
  }

  async #send(waiters: readonly Waiter[]): Promise<void> {
    const call: SentCall = { waiters: new Set(waiters), gone: new AbortController() };
    this.#calls.add(call);
    try {
      const request = { checks: waiters.map(({ check }) => check) };
      const { results } = await this.#modules.call(request, call.gone.signal);
      for (const [at, { answer }] of waiters.entries()) {
        const result = results[at];
        answer(result?.unchanged ? result.repo : undefined);
      }
    } catch {
      // Whoever waits asks by GetRefs then, and hears from it what is wrong.
      for (const { answer } of waiters) answer(undefined);
    } finally {
      this.#calls.delete(call);
      this.#sendSoon();
      this.#endIfIdle();
    }
  }

  #leave(waiter: Waiter): void {
    this.#waiting.delete(waiter);
    for (const { waiters, gone } of this.#calls) {
      if (waiters.delete(waiter) && waiters.size === 0) gone.abort();
    }
  }

  *#waiters(): Generator<Waiter, void, undefined> {
    yield* this.#waiting;
    for (const { waiters } of this.#calls) yield* waiters;
  }

  #giveUp(waiters: readonly Waiter[]): void {
    for (const waiter of waiters) {
      this.#leave(waiter);
      waiter.answer(undefined);
    }
  }

  /** Makes sure that time limits are looked at when this one is over. */
  #sweepBy(untilMs: number): void {
    if (untilMs >= this.#sweepAtMs) return;
    const { clock } = this.#modules;
    this.#sweep?.cancel();
    this.#sweepAtMs = untilMs;
    this.#sweep = clock.after(Math.max(0, untilMs - clock.monotonicMs()), () => {
      this.#sweepAtMs = Number.POSITIVE_INFINITY;
      this.#giveUp([...this.#waiters()].filter((waiter) => waiter.untilMs <= clock.monotonicMs()));
      this.#sweepBy([...this.#waiters()].reduce((nextMs, waiter) => Math.min(nextMs, waiter.untilMs), Infinity));
    });
  }

  /** As with any call: who now has another way waits a little longer for the answer, and not for a node that stands still. */
  #follow(changed: Topology): void {
    if (this.#rerouting !== undefined || this.#rerouted(changed).length === 0) return;
    this.#rerouting = this.#modules.clock.after(reroutedAfterMs, () => {
      this.#rerouting = undefined;
      this.#giveUp(this.#rerouted(this.#modules.topology.current()));
    });
  }

  #rerouted(topology: Topology | undefined): readonly Waiter[] {
    return [...this.#waiters()].filter(({ find }) => fingerprintOf([find], topology) !== this.#fingerprint);
  }

  #endIfIdle(): void {
    if (this.#waiting.size > 0 || this.#calls.size > 0 || this.#isSendDue) return;
    this.#unsubscribe();
    this.#sweep?.cancel();
    this.#rerouting?.cancel();
    this.#modules.onIdle();
  }
}
