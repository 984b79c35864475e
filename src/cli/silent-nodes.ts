import type { Clock } from '../base/clock.ts';
import { hasCode, type StratumError } from '../base/errors.ts';

/** How long a node that did not answer is left alone, in milliseconds: to wait for it at every question would take hours. */
export const silenceMs = 30_000;

/** The nodes that did not answer this command, so that each of its phases does not wait for them anew. */
export class SilentNodes {
  readonly #clock: Clock;
  readonly #known = new Map<string, { readonly error: StratumError; readonly untilMs: number }>();

  constructor(modules: { readonly clock: Clock }) {
    this.#clock = modules.clock;
  }

  /** Takes a node for silent when the error of a call to it says so. */
  note(nodeId: string, error: unknown): void {
    if (!meansSilence(error)) return;
    this.#known.set(nodeId, { error, untilMs: this.#clock.monotonicMs() + silenceMs });
  }

  /** With what the node was last silent; undefined when it may be asked. */
  errorOf(nodeId: string): StratumError | undefined {
    const known = this.#known.get(nodeId);
    return known !== undefined && this.#clock.monotonicMs() < known.untilMs ? known.error : undefined;
  }
}

/** Whether nobody answered; any other error is an answer, and the next question may have a better one. */
export function meansSilence(error: unknown): error is StratumError {
  return hasCode(error, 'UNREACHABLE') || hasCode(error, 'DEADLINE_EXCEEDED');
}
