import { StratumError } from '../base/errors.ts';
import type { CommandIo } from './io.ts';
import { type EndingSignal, signalExitCodes } from './process-signals.ts';

/**
 * Takes signals over for a command that has to tidy up after itself, for as long as that takes: the
 * first signal ends its work, the second one the tidying.
 */
export class SignalSteps {
  readonly #work = new AbortController();
  readonly #tidying = new AbortController();
  #exitCode: number | undefined;
  /** Gives signals back to whoever had them. */
  readonly giveBack: () => void;

  constructor({ handleSignals }: Pick<CommandIo, 'handleSignals'>) {
    this.giveBack = handleSignals((signal) => this.#handle(signal));
  }

  /** Aborts at the first signal. */
  get work(): AbortSignal {
    return this.#work.signal;
  }

  /** Aborts at the second signal. */
  get tidying(): AbortSignal {
    return this.#tidying.signal;
  }

  /** The exit code of the first signal; undefined before it came. */
  get exitCode(): number | undefined {
    return this.#exitCode;
  }

  #handle(signal: EndingSignal): void {
    const reason = new StratumError('CANCELLED', signal === 'SIGINT' ? 'interrupted' : 'terminated');
    const step = this.#work.signal.aborted ? this.#tidying : this.#work;
    this.#exitCode ??= signalExitCodes[signal];
    step.abort(reason);
  }
}
