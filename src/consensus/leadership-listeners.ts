import { explain } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { Leadership } from './consensus.ts';

/** Who wants to hear of leadership; told only when it has changed. */
export class LeadershipListeners {
  readonly #log: Logger;
  readonly #listeners = new Set<(leadership: Leadership) => void>();
  #told: Leadership | undefined;

  constructor(modules: { readonly log: Logger }) {
    this.#log = modules.log;
  }

  /** The result ends the subscription. */
  subscribe(listener: (leadership: Leadership) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  tell(leadership: Leadership): void {
    const told = this.#told;
    const isSame =
      told?.isLeader === leadership.isLeader && told.term === leadership.term && told.leaderId === leadership.leaderId;
    if (isSame) return;
    this.#told = leadership;
    for (const listener of [...this.#listeners]) {
      try {
        listener(leadership);
      } catch (error) {
        // Leadership is what it is, whatever a listener makes of it.
        this.#log.error({ error: explain(error) }, 'a listener to the leadership failed');
      }
    }
  }
}
