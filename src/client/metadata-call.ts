import { type BackoffBounds, backoffMs } from '../base/backoff.ts';
import type { Clock } from '../base/clock.ts';
import { withDeadline } from '../base/deadline.ts';
import type { ErrorCode } from '../base/error-codes.ts';
import { asStratumError, hasCode, StratumError } from '../base/errors.ts';
import type { Random } from '../base/random.ts';
import { callUnary } from '../rpc/call.ts';
import type { ChannelPool } from '../rpc/channel-pool.ts';
import { MetadataServiceClient } from '../rpc/gen/stratum/v1/metadata.ts';
import { inProcessPeer } from '../rpc/handlers.ts';
import type { TopologySource } from '../topology/topology.ts';
import type { MetadataHandlers, MetadataMethodName, MetadataRequest, MetadataResponse } from './metadata-handlers.ts';
import type { MetadataMethod } from './metadata-methods.ts';
import { type FindRoute, fingerprintOf, type MetadataRoute } from './metadata-routes.ts';

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
  'NOT_READY',
  'STALE_EPOCH',
  'SHUTTING_DOWN',
  'OVERLOADED',
  'RATE_LIMITED',
] as const);

/** Failures that leave open whether it was done. A peer's CANCELLED is one: it was cut off by its end. */
const unknownCodes: ReadonlySet<ErrorCode> = new Set(['UNREACHABLE', 'DEADLINE_EXCEEDED', 'CANCELLED'] as const);

/** A primary's restart takes a second or two; a push waits for it. */
const metadataBackoff: BackoffBounds = { minMs: 50, maxMs: 1_000 };

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
    method: MetadataMethod<Name>,
    request: MetadataRequest<Name>,
    find: FindRoute,
    limits: MetadataCallLimits,
  ): Promise<MetadataResponse<Name>> {
    const { clock, random, topology } = this.#modules;
    const deadlineMs = clock.monotonicMs() + limits.timeoutMs;
    let isUnknown = false;
    for (let failures = 1; ; failures += 1) {
      limits.signal?.throwIfAborted();
      const fingerprint = fingerprintOf(find, topology.current());
      const leftMs = Math.max(1, deadlineMs - clock.monotonicMs());
      const timeoutMs = method.rule === 'once' ? leftMs : Math.min(leftMs, limits.attemptTimeoutMs);
      try {
        return await this.#attempt(name, method, request, find, { timeoutMs, signal: limits.signal });
      } catch (error) {
        const failure = asStratumError(error);
        if (limits.signal?.aborted) throw error;
        const isRefused = refusedCodes.has(failure.code);
        if (!isRefused && !unknownCodes.has(failure.code)) throw isUnknown ? afterUnknown(failure) : failure;
        isUnknown ||= !isRefused && method.rule !== 'read';
        if (isUnknown && method.rule === 'once') throw outcomeUnknown(method.rpc, limits.timeoutMs, failure);
        const delayMs = backoffMs(failures, metadataBackoff, random);
        if (clock.monotonicMs() + delayMs >= deadlineMs) {
          throw isUnknown ? outcomeUnknown(method.rpc, limits.timeoutMs, failure) : failure;
        }
        await this.#changeOrDelay(find, fingerprint, delayMs, limits.signal);
      }
    }
  }

  #attempt<Name extends MetadataMethodName>(
    name: Name,
    method: MetadataMethod<Name>,
    request: MetadataRequest<Name>,
    find: FindRoute,
    { timeoutMs, signal }: { readonly timeoutMs: number; readonly signal: AbortSignal | undefined },
  ): Promise<MetadataResponse<Name>> {
    const { clock, topology, channels, local } = this.#modules;
    const { nodeId, address }: MetadataRoute = find(topology.current());
    const handlers = local?.(nodeId);
    if (handlers === undefined) {
      const target = { endpoint: address, method: method.rpc, timeoutMs, clock, signal };
      return callUnary(method.of(channels.client(MetadataServiceClient, address)), request, target);
    }
    const what = `${method.rpc} at ${nodeId} (in-process)`;
    return withDeadline(
      clock,
      what,
      timeoutMs,
      (within) => handlers[name](request, { signal: within, peer: inProcessPeer }),
      signal,
    );
  }

  /** Waits until the way to the repository is another one, but no longer than `delayMs`. */
  async #changeOrDelay(
    find: FindRoute,
    fingerprint: string,
    delayMs: number,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const { clock, topology } = this.#modules;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const unsubscribe = topology.subscribe((changed) => {
      if (fingerprintOf(find, changed) !== fingerprint) resolve();
    });
    const timer = clock.after(delayMs, resolve);
    const onAbort = () => reject(signal?.reason);
    signal?.addEventListener('abort', onAbort, { once: true });
    // What changed while the call was under way is not told any more.
    if (fingerprintOf(find, topology.current()) !== fingerprint) resolve();
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

/** A refusal of a repetition may be the echo of the first try. */
function afterUnknown(failure: StratumError): StratumError {
  if (!hasCode(failure, 'REPO_EXISTS')) return failure;
  const hint = 'an earlier try of this call lost its connection and may have created it';
  return new StratumError('REPO_EXISTS', failure.message, failure.details, { hint, cause: failure.cause });
}
