/**
 * Waits for one thing after another, each no longer than until the peer has answered. Not a race for
 * each: those would keep all that was waited for in memory until the answer.
 */
export class UntilAnswered {
  #answered = false;
  #wake: () => void = () => undefined;

  constructor(answered: Promise<unknown>) {
    const end = () => {
      this.#answered = true;
      this.#wake();
    };
    answered.then(end, end);
  }

  /** The value of `work`, or undefined when the answer came first. */
  wait<T>(work: Promise<T>): Promise<T | undefined> {
    return new Promise((resolve, reject) => {
      this.#wake = () => resolve(undefined);
      work.then(resolve, reject);
      if (this.#answered) resolve(undefined);
    });
  }
}
