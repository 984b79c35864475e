import { StratumError } from '../base/errors.ts';

/** How many may wait unless it is said; each is one write, so this is about a second of work. */
const defaultProposalsMax = 1_000;

/** How long a refused proposer should wait: as long as some tens of writes. */
const retryAfterMs = 50;

/** Proposals one after the other, in the order in which they came; OVERLOADED when too many wait. */
export class ProposalQueue {
  readonly #proposalsMax: number;
  #waiting = 0;
  #last: Promise<unknown> = Promise.resolve();

  constructor({ proposalsMax = defaultProposalsMax }: { readonly proposalsMax?: number | undefined } = {}) {
    this.#proposalsMax = proposalsMax;
  }

  /** Runs `work` alone: the next begins when this one has ended, well or not. */
  run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#waiting >= this.#proposalsMax) {
      const message = `${this.#waiting} changes of the topology wait for the store`;
      return Promise.reject(new StratumError('OVERLOADED', message, { retryAfterMs }));
    }
    this.#waiting += 1;
    const done = this.#last.then(work).finally(() => {
      this.#waiting -= 1;
    });
    this.#last = done.catch(() => undefined); // The proposer gets the error; the next in line goes on.
    return done;
  }

  /** Resolves when what waits now has ended. */
  async idle(): Promise<void> {
    await this.#last;
  }
}
