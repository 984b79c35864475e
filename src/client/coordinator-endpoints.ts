import { hasCode, StratumError } from '../base/errors.ts';

/** Which coordinator to ask: the configured ones in turn, and the leader as far as it is known. */
export class CoordinatorEndpoints {
  readonly #addresses: readonly string[];
  #next = 0;
  #leader: string | undefined;

  constructor(addresses: readonly string[]) {
    if (addresses.length === 0) {
      const details = { field: 'coordinators', reason: 'empty', expected: 'host:port of at least one coordinator' };
      throw new StratumError('INVALID_ARGUMENT', 'no coordinator is known', details);
    }
    this.#addresses = addresses;
  }

  get all(): readonly string[] {
    return this.#addresses;
  }

  /** The coordinator whose turn it is. */
  get any(): string {
    return this.#addresses[this.#next % this.#addresses.length] ?? '';
  }

  /** host:port of the leader; undefined when it must be asked for. */
  get leader(): string | undefined {
    return this.#leader;
  }

  /** A coordinator has said who leads. */
  leaderIs(address: string): void {
    this.#leader = address;
  }

  /** Draws the conclusions of a failed call; true when it is known where to go instead. */
  learn(address: string, error: StratumError): boolean {
    if (this.#leader === address) this.#leader = undefined;
    if (this.any === address) this.#next = (this.#next + 1) % this.#addresses.length;
    const hint = hasCode(error, 'NOT_LEADER') ? error.details.leaderAddress : undefined;
    if (hint === undefined || hint === '' || hint === address) return false;
    this.#leader = hint;
    return true;
  }
}
