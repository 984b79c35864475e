/** Keys in use, each with how many users it has. Only keys in use take memory. */
export class PinCounts {
  readonly #counts = new Map<string, number>();

  /** One user more. */
  add(key: string): void {
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
  }

  /** One user less. */
  remove(key: string): void {
    const count = (this.#counts.get(key) ?? 0) - 1;
    if (count > 0) this.#counts.set(key, count);
    else this.#counts.delete(key);
  }

  /** Whether somebody uses it. */
  has(key: string): boolean {
    return this.#counts.has(key);
  }
}
