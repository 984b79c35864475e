import { type CircuitBreakerPolicy, CircuitState, ConsecutiveBreaker, circuitBreaker, handleWhen } from 'cockatiel';
import type { Clock } from '../../base/clock.ts';
import { explain, StratumError } from '../../base/errors.ts';
import type { Random } from '../../base/random.ts';
import { formatDuration, formatTime } from '../../base/units.ts';
import type { NodeIo } from '../node-directory.ts';
import { BreakerPause } from './breaker-pause.ts';
import { type CallAspect, type CallEnd, type MakeCall, type NodeCall, NodeDecorator } from './node-decorator.ts';
import { isCallersEnd, isConnectionFailure, isNodeTimeout } from './node-failure.ts';

/** What a breaker is made with. */
export interface CircuitBreakerModules {
  readonly clock: Clock;
  readonly random: Random;
}

/** How a breaker stands: calls pass, one is let through to try, or none. */
export type BreakerState = 'closed' | 'half-open' | 'open';

/** Calls in a row that must have failed: fewer may be one lost connection with what was under way on it. */
const failuresMax = 5;

/** What a call has shown of its node: it is there, it is not, or nothing. */
type Verdict = 'answered' | 'failed' | 'unknown';

/** Ends a call for the policy without saying anything of the node. */
const unjudged = new Error('the call says nothing of the node');

/**
 * Stops calling a node after some calls in a row have found no connection or no answer. Then calls fail
 * at once with UNREACHABLE, until after a jittered pause one of them is let through: its answer
 * closes the breaker, its failure begins a longer pause. A refusal is an answer; what a caller ends
 * himself is neither.
 */
export class CircuitBreakerNode extends NodeDecorator {
  readonly #clock: Clock;
  readonly #policy: CircuitBreakerPolicy;
  readonly #pause: BreakerPause;
  #openedAtMs = 0;
  #reason: unknown;

  constructor(inner: NodeIo, modules: CircuitBreakerModules) {
    super(inner);
    this.#clock = modules.clock;
    this.#pause = new BreakerPause(modules);
    // The policy's own clock decides nothing: the pause answers by ours.
    this.#policy = circuitBreaker(
      handleWhen((error) => error !== unjudged),
      { breaker: new ConsecutiveBreaker(failuresMax), halfOpenAfter: this.#pause },
    );
  }

  /** How it stands now. */
  get state(): BreakerState {
    if (this.#policy.state === CircuitState.Closed) return 'closed';
    return this.#policy.state === CircuitState.HalfOpen ? 'half-open' : 'open';
  }

  protected override begin(call: NodeCall): CallAspect {
    const { promise: over, resolve: ended } = Promise.withResolvers<CallEnd>();
    return { run: (make) => this.#run(call, make, over), ended };
  }

  /** One call by the policy. A stream is judged when it has ended, unless it is the one that is let through to try. */
  async #run<T>(call: NodeCall, make: MakeCall<T>, over: Promise<CallEnd>): Promise<T> {
    const isTrial = this.state === 'open' && this.#pause.isOver;
    if (this.state !== 'closed' && !isTrial) throw this.#refusal(call);
    const { promise: answer, resolve, reject } = Promise.withResolvers<T>();
    let failure: { readonly error: unknown } | undefined;
    const judged = this.#policy.execute(async () => {
      try {
        resolve(await make(call.options));
      } catch (error) {
        failure = { error };
      }
      const end = failure === undefined && !isTrial ? await over : { failure };
      this.#tell(this.#judge(call, end.failure), isTrial, end.failure?.error);
    });
    // The caller hears of a failure when the breaker has: his next call meets the breaker as it stands then.
    const tell = () => {
      if (isTrial) this.#pause.keepNext();
      if (failure !== undefined) reject(failure.error);
    };
    judged.then(tell, tell);
    return answer;
  }

  #judge(call: NodeCall, failure: { readonly error: unknown } | undefined): Verdict {
    if (failure === undefined) return 'answered';
    if (isCallersEnd(call) || call.source?.hasThrown(failure.error) === true) return 'unknown';
    const { error } = failure;
    if (isConnectionFailure(error, call) || isNodeTimeout(error, call)) return 'failed';
    return error instanceof StratumError && error.code !== 'DEADLINE_EXCEEDED' ? 'answered' : 'unknown';
  }

  /** Throws what makes the policy count as it should. */
  #tell(verdict: Verdict, isTrial: boolean, error: unknown): void {
    if (verdict === 'answered') {
      this.#pause.reset();
      return;
    }
    if (verdict === 'failed') {
      if (this.state === 'closed') this.#openedAtMs = this.#clock.nowMs();
      this.#reason = error;
      throw error;
    }
    if (!isTrial) throw unjudged;
    // The next call is the trial then: without a pause, for nothing has been learned.
    this.#pause.skipNext();
    throw new Error('the trial has ended without an answer');
  }

  #refusal({ method }: NodeCall): StratumError<'UNREACHABLE'> {
    const since = formatTime(this.#openedAtMs);
    const message = `${this.nodeId} at ${this.endpoint} is not called since ${since}: ${explain(this.#reason)}`;
    const leftMs = this.#pause.leftMs;
    const hint = leftMs > 0 ? `it is tried again in ${formatDuration(leftMs)}` : 'it is being tried again';
    return new StratumError('UNREACHABLE', message, { endpoint: this.endpoint, method }, { hint, cause: this.#reason });
  }
}
