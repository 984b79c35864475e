import { StratumError } from '../base/errors.ts';
import { exitCodeOf } from './error-report.ts';

/** Counts the items of a long list that failed: one must not hide the others. */
export class FailureTally {
  #count = 0;
  #first: unknown;

  add(error: unknown): void {
    this.#count += 1;
    if (this.#count === 1) this.#first = error;
  }

  /** PARTIAL's exit code when others succeeded, that of the first failure when none did; undefined without failures. */
  exitCode(succeeded: number): number | undefined {
    if (this.#count === 0) return undefined;
    if (succeeded === 0) return exitCodeOf(this.#first);
    return exitCodeOf(new StratumError('PARTIAL', `${this.#count} of ${this.#count + succeeded} failed`));
  }
}
