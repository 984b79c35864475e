import { type BackoffBounds, backoffMs } from '../base/backoff.ts';
import type { Clock, Timer } from '../base/clock.ts';
import { withDeadline } from '../base/deadline.ts';
import type { ErrorCode } from '../base/error-codes.ts';
import { asStratumError, hasCode, StratumError } from '../base/errors.ts';
import type { Random } from '../base/random.ts';
import { callUnary } from '../rpc/call.ts';
import type { ChannelPool } from '../rpc/channel-pool.ts';
import { MetadataServiceClient } from '../rpc/gen/stratum/v1/metadata.ts';
import { inProcessPeer } from '../rpc/handlers.ts';
import type { Topology, TopologySource } from '../topology/topology.ts';
import type { MetadataHandlers, MetadataMethodName, MetadataRequest, MetadataResponse } from './metadata-handlers.ts';
import { metadataMethods } from './metadata-methods.ts';
import { type FindRoute, fingerprintOf } from './metadata-routes.ts';

/** What metadata calls work with. */
export interface MetadataCallModules {
  readonly clock: Clock;
  readonly random: Random;
  readonly topology: TopologySource;
  readonly channels: ChannelPool;
  /** The handlers of a metadata node in this process, by node id: called without a network hop. */
  readonly local?: ((nodeId: string) => MetadataHandlers | undefined) | undefined;
}

/** The limits of one call. */
export interface MetadataCallLimits {
  /** Milliseconds for all tries. */
  readonly timeoutMs: number;
  /** Milliseconds for one try of what may be tried again. */
  readonly attemptTimeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** Refusals that say for certain that nothing was done, and that may not last. */
const refusedCodes: ReadonlySet<ErrorCode> = new Set([
  'NOT_PRIMARY',
  'REPO_MOVED',
  'NOT_READY',
  'INSUFFICIENT_REPLICAS',
  'DISK_FULL',
  'STALE_EPOCH',
  'SHUTTING_DOWN',
  'OVERLOADED',
  'RATE_LIMITED',
] as const);

/** Failures that leave open whether it was done. A peer's CANCELLED is one: it was cut off by its end. */
const unknownCodes: ReadonlySet<ErrorCode> = new Set(['UNREACHABLE', 'DEADLINE_EXCEEDED', 'CANCELLED'] as const);

/** A primary's restart takes a second or two; a push waits for it. */
const metadataBackoff: BackoffBounds = { minMs: 50, maxMs: 1_000 };

/** With less time left no further try is begun: it would end without an answer, and what was refused for certain would become unknown. */
const attemptMsMin = 100;

/**
 * A try that is under way when another node becomes the primary has this long to be answered all the same; a primary that
 * stands still or is cut off would else be waited for until the try's own time is over.
 */
export const reroutedAfterMs = 250;

/** What a call asks, and where; both may change from try to try. */
export interface MetadataQuestion<Name extends MetadataMethodName> {
  readonly request: () => MetadataRequest<Name>;
  readonly find: FindRoute;
  /** Hears of each failure; true when the next try has another way and shall go at once. Says so a bounded number of times. */
  readonly learn: (failure: StratumError) => boolean;
}

/** Whether a failure is no answer: the same call may be tried again after a while. */
export function mayPass({ code }: StratumError): boolean {
  return refusedCodes.has(code) || unknownCodes.has(code);
}

/** Milliseconds to wait after so many failures. */
export function metadataDelayMs(failures: number, random: Random): number {
  return backoffMs(failures, metadataBackoff, random);
}

/** One call with its tries: finds the primary anew each time, waits between them for the topology to change, keeps a total deadline. */
export class MetadataCall {
  readonly #modules: MetadataCallModules;

  constructor(modules: MetadataCallModules) {
    this.#modules = modules;
  }

  /**
   * Rejects with the node's answer; when time is up with the last refusal if nothing can have been
   * done, and otherwise, for a write, with DEADLINE_EXCEEDED: its outcome is unknown.
   */
  async run<Name extends MetadataMethodName>(
    name: Name,
    { request, find, learn }: MetadataQuestion<Name>,
    limits: MetadataCallLimits,
  ): Promise<MetadataResponse<Name>> {
    const { clock, random, topology } = this.#modules;
    const { rule, rpc, conclusive } = metadataMethods[name];
    const deadlineMs = clock.monotonicMs() + limits.timeoutMs;
    const printOf = (at: Topology | undefined) => fingerprintOf([find], at);
    let isUnknown = false;
    for (let failures = 1; ; ) {
      limits.signal?.throwIfAborted();
      const fingerprint = printOf(topology.current());
      const leftMs = Math.max(1, deadlineMs - clock.monotonicMs());
      const timeoutMs = rule === 'once' ? leftMs : Math.min(leftMs, limits.attemptTimeoutMs);
      try {
        const attempt = (signal: AbortSignal | undefined) => this.attempt(name, request, find, { timeoutMs, signal });
        if (rule === 'once') return await attempt(limits.signal);
        return await this.#whileWayHolds(printOf, fingerprint, limits.signal, attempt);
      } catch (error) {
        const failure = asStratumError(error);
        if (limits.signal?.aborted) throw error;
        const isRefused = !unknownCodes.has(failure.code);
        isUnknown ||= !isRefused && rule !== 'read';
        if (isUnknown && rule === 'once') throw outcomeUnknown(rpc, limits.timeoutMs, failure);
        if (learn(failure) && clock.monotonicMs() < deadlineMs) continue;
        const isLast = !mayPass(failure);
        if (isLast && (!isUnknown || conclusive.includes(failure.code))) throw failure;
        const delayMs = metadataDelayMs(failures, random);
        if (isLast || clock.monotonicMs() + delayMs + attemptMsMin >= deadlineMs) {
          throw isUnknown ? outcomeUnknown(rpc, limits.timeoutMs, failure) : failure;
        }
        failures += 1;
        await this.pause(printOf, fingerprint, delayMs, limits.signal);
      }
    }
  }

  /** Gives up a try, with CANCELLED, soon after the way has become another one. */
  async #whileWayHolds<T>(
    printOf: (topology: Topology | undefined) => string,
    fingerprint: string,
    signal: AbortSignal | undefined,
    attempt: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const { clock, topology } = this.#modules;
    const rerouted = new AbortController();
    const giveUp = () => rerouted.abort(new StratumError('CANCELLED', 'another node has become the primary meanwhile'));
    let timer: Timer | undefined;
    const unsubscribe = topology.subscribe((changed) => {
      if (printOf(changed) !== fingerprint) timer ??= clock.after(reroutedAfterMs, giveUp);
    });
    try {
      return await attempt(signal === undefined ? rerouted.signal : AbortSignal.any([signal, rerouted.signal]));
    } finally {
      unsubscribe();
      timer?.cancel();
    }
  }

  /** One try. */
  attempt<Name extends MetadataMethodName>(
    name: Name,
    request: () => MetadataRequest<Name>,
    find: FindRoute,
    { timeoutMs, signal }: { readonly timeoutMs: number; readonly signal: AbortSignal | undefined },
  ): Promise<MetadataResponse<Name>> {
    const { clock, topology, channels, local } = this.#modules;
    const method = metadataMethods[name];
    const { nodeId, address } = find(topology.current());
    const handlers = local?.(nodeId);
    if (handlers === undefined) {
      const target = { endpoint: address, method: method.rpc, timeoutMs, clock, signal };
      return callUnary(method.of(channels.client(MetadataServiceClient, address)), request(), target);
    }
    const what = `${method.rpc} at ${nodeId} (in-process)`;
    return withDeadline(
      clock,
      what,
      timeoutMs,
      (within) => handlers[name](request(), { signal: within, peer: inProcessPeer }),
      signal,
    );
  }

  /** Waits until the way is another one than it was, but no longer than `delayMs`. */
  async pause(
    printOf: (topology: Topology | undefined) => string,
    fingerprint: string,
    delayMs: number,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const { clock, topology } = this.#modules;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const unsubscribe = topology.subscribe((changed) => {
      if (printOf(changed) !== fingerprint) resolve();
    });
    const timer = clock.after(delayMs, resolve);
    const onAbort = () => reject(signal?.reason);
    signal?.addEventListener('abort', onAbort, { once: true });
    // What changed while the call was under way is not told any more.
    if (printOf(topology.current()) !== fingerprint) resolve();
    try {
      await promise;
    } finally {
      unsubscribe();
      timer.cancel();
      signal?.removeEventListener('abort', onAbort);
    }
  }
}

function outcomeUnknown(rpc: string, timeoutMs: number, cause: StratumError): StratumError<'DEADLINE_EXCEEDED'> {
  const endpoint = hasCode(cause, 'UNREACHABLE') || hasCode(cause, 'DEADLINE_EXCEEDED') ? cause.details.endpoint : '';
  return new StratumError(
    'DEADLINE_EXCEEDED',
    `${rpc}: the metadata node did not confirm it, the outcome is unknown: ${cause.message}`,
    { endpoint, method: rpc, timeoutMs },
    { hint: 'look whether it was done before you do it again', cause },
  );
}
