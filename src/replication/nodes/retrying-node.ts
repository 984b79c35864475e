import { backoffMs } from '../../base/backoff.ts';
import type { Clock } from '../../base/clock.ts';
import { hasCode, StratumError } from '../../base/errors.ts';
import type { Random } from '../../base/random.ts';
import type { ChannelPool, ChannelTicket } from '../../rpc/channel-pool.ts';
import type { NodeIo } from '../node-directory.ts';
import type { NodeCallOptions } from '../node-io.ts';
import { type CallAspect, type CallEnd, type MakeCall, type NodeCall, NodeDecorator } from './node-decorator.ts';
import { isCallersEnd, isConnectionFailure } from './node-failure.ts';

/** What retries are made with. */
export interface RetryingNodeModules {
  readonly pool: ChannelPool;
  readonly clock: Clock;
  readonly random: Random;
}

/** The pause before the second try: callers that failed together do not come back together. */
const pauseBounds = { minMs: 20, maxMs: 20 };

/**
 * Tries once more, within the deadline, after the connection has failed, on a new channel. Every call
 * may be repeated: blobs are immutable, so that a second put only renews what a first one has stored.
 * A stream that fails half-way is not begun again: its reader knows better how to go on.
 */
export class RetryingNode extends NodeDecorator {
  readonly #modules: RetryingNodeModules;

  constructor(inner: NodeIo, modules: RetryingNodeModules) {
    super(inner);
    this.#modules = modules;
  }

  protected override begin(call: NodeCall): CallAspect {
    return new RetriedCall(call, this.endpoint, this.#modules);
  }
}

class RetriedCall implements CallAspect {
  readonly #call: NodeCall;
  readonly #endpoint: string;
  readonly #modules: RetryingNodeModules;
  readonly #startedMs: number;
  #ticket: ChannelTicket | undefined;

  constructor(call: NodeCall, endpoint: string, modules: RetryingNodeModules) {
    this.#call = call;
    this.#endpoint = endpoint;
    this.#modules = modules;
    this.#startedMs = modules.clock.monotonicMs();
  }

  async run<T>(make: MakeCall<T>): Promise<T> {
    const { options } = this.#call;
    try {
      return await this.#try(make, options);
    } catch (error) {
      if (!this.#isBroken(error)) throw error;
      this.#evict();
      const timeoutMs = await this.#pause(error);
      return await this.#try(make, { ...options, timeoutMs }).catch((second: unknown) => {
        throw this.#call.source?.hasThrown(second) === true ? second : ofSecondAttempt(second, error);
      });
    }
  }

  ended({ failure }: CallEnd): void {
    if (failure !== undefined && this.#isBroken(failure.error)) this.#evict();
  }

  #try<T>(make: MakeCall<T>, options: NodeCallOptions): Promise<T> {
    this.#ticket = this.#modules.pool.ticket(this.#endpoint);
    return make(options);
  }

  /** Waits a little; gives the milliseconds that are left, or throws `error` when there is no time for a second try. */
  async #pause(error: unknown): Promise<number> {
    const { clock, random } = this.#modules;
    const { timeoutMs, signal } = this.#call.options;
    const leftMs = () => this.#startedMs + timeoutMs - clock.monotonicMs();
    const pauseMs = backoffMs(1, pauseBounds, random);
    if (leftMs() <= pauseMs) throw error;
    await clock.sleep(pauseMs, signal);
    if (leftMs() <= 0) throw error;
    return leftMs();
  }

  #isBroken(error: unknown): boolean {
    return isConnectionFailure(error, this.#call) && !isCallersEnd(this.#call);
  }

  #evict(): void {
    this.#modules.pool.evict(this.#endpoint, this.#ticket);
  }
}

/** The second failure, which says that it was the second, with the first as its cause. */
function ofSecondAttempt(second: unknown, first: unknown): unknown {
  if (!hasCode(second, 'UNREACHABLE') && !hasCode(second, 'DEADLINE_EXCEEDED')) return second;
  const { code, message, details, hint } = second;
  return new StratumError(code, message, { ...details, attempt: 2 }, { hint, cause: first });
}
