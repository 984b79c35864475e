import type { Clock, Timer } from '../../base/clock.ts';
import { StratumError } from '../../base/errors.ts';
import type { NodeCallOptions } from '../node-io.ts';

/** Where a call goes, for its error. */
export interface CallPlace {
  /** host:port. */
  readonly endpoint: string;
  readonly method: string;
}

/** How long a call lives: its signal aborts at the deadline, with DEADLINE_EXCEEDED, or with the caller's own. */
export class CallLife {
  readonly #controller = new AbortController();
  readonly #parent: AbortSignal | undefined;
  readonly #timer: Timer;
  readonly #onAbort = () => this.#controller.abort(this.#parent?.reason);

  constructor({ timeoutMs, signal }: NodeCallOptions, place: CallPlace, modules: { readonly clock: Clock }) {
    this.#parent = signal;
    this.#timer = modules.clock.after(timeoutMs, () => this.#controller.abort(deadlineExceeded(place, timeoutMs)));
    if (signal?.aborted) this.#onAbort();
    else signal?.addEventListener('abort', this.#onAbort, { once: true });
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** The call has ended: nothing aborts it any more. */
  end(): void {
    this.#timer.cancel();
    this.#parent?.removeEventListener('abort', this.#onAbort);
  }
}

/** The error of a call whose answer did not come in time. */
export function deadlineExceeded({ endpoint, method }: CallPlace, timeoutMs: number): StratumError {
  const message = `${method} at ${endpoint} gave no answer within ${Math.round(timeoutMs)} ms`;
  return new StratumError('DEADLINE_EXCEEDED', message, { endpoint, method, timeoutMs: Math.round(timeoutMs) });
}
