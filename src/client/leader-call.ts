import { backoffMs } from '../base/backoff.ts';
import type { Clock } from '../base/clock.ts';
import type { ErrorCode } from '../base/error-codes.ts';
import { asStratumError, hasCode, StratumError } from '../base/errors.ts';
import type { Random } from '../base/random.ts';
import { callUnary, type UnaryMethod } from '../rpc/call.ts';
import type { ChannelPool } from '../rpc/channel-pool.ts';
import {
  CoordinatorServiceClient,
  type GetLeaderRequest,
  type GetLeaderResponse,
} from '../rpc/gen/stratum/v1/coordinator.ts';
import { coordinatorBackoff } from './coordinator-backoff.ts';
import type { CoordinatorEndpoints } from './coordinator-endpoints.ts';

/** Options of a call to the coordinators. */
export interface CoordinatorCallOptions {
  /** Milliseconds for the whole call, retries included. */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A unary RPC of the coordinator service. */
export interface CoordinatorMethod<Request, Response> {
  readonly name: string;
  /** Reads are answered by any coordinator, writes by the leader. */
  readonly at: 'any' | 'leader';
  readonly of: (client: CoordinatorServiceClient) => UnaryMethod<Request, Response>;
  /** It lasts as long as an election: a try has all the time that is left, because a second one is not free. */
  readonly isSlow?: boolean;
}

/** The one call that finds out where the others go. */
export const getLeaderMethod: CoordinatorMethod<GetLeaderRequest, GetLeaderResponse> = {
  name: 'GetLeader',
  at: 'any',
  of: (client) => client.getLeader.bind(client),
};

/** Every call of the service is safe to repeat, so whatever another try may mend is tried again. */
const retriedCodes: ReadonlySet<ErrorCode> = new Set([
  'NOT_LEADER',
  'NO_LEADER',
  'NO_QUORUM',
  'NOT_READY',
  'UNREACHABLE',
  'SHUTTING_DOWN',
  'OVERLOADED',
  'RATE_LIMITED',
  'DEADLINE_EXCEEDED',
] as const);

/** A call with its retries: finds the leader, goes round the coordinators with back-off, keeps a total deadline. */
export class LeaderCall {
  readonly #endpoints: CoordinatorEndpoints;
  readonly #channels: ChannelPool;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #attemptTimeoutMs: number;

  constructor(
    options: { readonly attemptTimeoutMs: number },
    modules: {
      readonly endpoints: CoordinatorEndpoints;
      readonly channels: ChannelPool;
      readonly clock: Clock;
      readonly random: Random;
    },
  ) {
    this.#attemptTimeoutMs = options.attemptTimeoutMs;
    this.#endpoints = modules.endpoints;
    this.#channels = modules.channels;
    this.#clock = modules.clock;
    this.#random = modules.random;
  }

  /** Rejects with the coordinator's refusal, or after `timeoutMs` with the last failure. */
  async run<Request, Response>(
    method: CoordinatorMethod<Request, Response>,
    request: Request,
    { timeoutMs, signal }: { readonly timeoutMs: number; readonly signal?: AbortSignal | undefined },
  ): Promise<Response> {
    const deadlineMs = this.#clock.monotonicMs() + timeoutMs;
    const failures = new Map<string, StratumError>();
    let last: StratumError | undefined;
    for (let failed = 0, followedHint = false; ; ) {
      let address = this.#endpoints.any;
      const leftMs = deadlineMs - this.#clock.monotonicMs();
      const unary = <Q, A>({ name, of, isSlow = false }: CoordinatorMethod<Q, A>, message: Q) =>
        callUnary(of(this.#channels.client(CoordinatorServiceClient, address)), message, {
          endpoint: address,
          method: name,
          timeoutMs: Math.max(
            1,
            isSlow ? deadlineMs - this.#clock.monotonicMs() : Math.min(this.#attemptTimeoutMs, leftMs),
          ),
          clock: this.#clock,
          signal,
        });
      try {
        if (method.at === 'leader') {
          address = this.#endpoints.leader ?? leaderOf(address, await unary(getLeaderMethod, {}));
          this.#endpoints.leaderIs(address);
        }
        return await unary(method, request);
      } catch (error) {
        const failure = asStratumError(error);
        if (signal?.aborted || !retriedCodes.has(failure.code)) throw error;
        // A try that the total deadline cut short says less than the one before it.
        const wasCutShort = failure.code === 'DEADLINE_EXCEEDED' && leftMs < this.#attemptTimeoutMs;
        if (last === undefined || !wasCutShort) last = failure;
        if (!failures.has(address) || !wasCutShort) failures.set(address, failure);
        const knowsBetter = this.#endpoints.learn(address, failure);
        // Two coordinators that each take the other for the leader must not be asked in a hot loop.
        followedHint = knowsBetter && !followedHint;
        if (followedHint) continue;
        failed += 1;
        const delayMs = this.#delayMs(failed, failure);
        if (this.#clock.monotonicMs() + delayMs >= deadlineMs) throw gaveUp(method.name, timeoutMs, failures, last);
        await this.#clock.sleep(delayMs, signal);
      }
    }
  }

  /**
   * The first round asks every coordinator without delay, except after one that said when to come
   * back: the back-off on top of that keeps apart the many that were told the same time.
   */
  #delayMs(failed: number, failure: StratumError): number {
    const rounds = failed - this.#endpoints.all.length + 1;
    const isTold = hasCode(failure, 'RATE_LIMITED') || hasCode(failure, 'OVERLOADED');
    if (isTold) return failure.details.retryAfterMs + backoffMs(Math.max(1, rounds), coordinatorBackoff, this.#random);
    return rounds <= 0 ? 0 : backoffMs(rounds, coordinatorBackoff, this.#random);
  }
}

/** The leader's address by a coordinator's answer; its own way to reach itself counts less than the one that worked. */
function leaderOf(asked: string, answer: GetLeaderResponse): string {
  if (answer.isLeader) return asked;
  if (answer.leaderAddress !== '') return answer.leaderAddress;
  throw new StratumError('NO_LEADER', `${answer.nodeId || asked} knows no leader`, { what: 'the coordinators' });
}

function gaveUp(
  method: string,
  timeoutMs: number,
  failures: ReadonlyMap<string, StratumError>,
  last: StratumError,
): StratumError {
  if (last.code !== 'UNREACHABLE' && last.code !== 'DEADLINE_EXCEEDED') return last;
  const each = [...failures].map(([address, { message }]) =>
    message.includes(address) ? message : `${address}: ${message}`,
  );
  const endpoint = [...failures.keys()].join(',');
  return new StratumError(
    last.code,
    `no coordinator answered within ${timeoutMs} ms: ${each.join('; ')}`,
    { endpoint, method, timeoutMs },
    { hint: `check that a coordinator runs at ${endpoint}`, cause: last },
  );
}
