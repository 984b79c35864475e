/** Writes to single nodes since the start. `attempted` is what the others add up to, at every moment. */
export class WriteTally {
  #succeeded = 0;
  #failed = 0;

  get succeeded(): number {
    return this.#succeeded;
  }

  get failed(): number {
    return this.#failed;
  }

  get attempted(): number {
    return this.#succeeded + this.#failed;
  }

  /** Counts a write of one blob to one node that has ended. */
  record(success: boolean): void {
    if (success) this.#succeeded += 1;
    else this.#failed += 1;
  }
}
