/** Values of a limit. */
export interface FlightLimitOptions {
  readonly countMax: number;
  readonly bytesMax: number;
  /** Who comes when so many wait already is turned away. */
  readonly waitingMax: number;
}

interface Waiter {
  readonly bytes: number;
  readonly admit: () => void;
}

/**
 * What may be under way at once, in number and in bytes together; who finds no room waits in the order
 * of coming. Something larger than all the room is let in when it is alone.
 */
export class FlightLimit {
  readonly #options: FlightLimitOptions;
  /** In the order of coming. */
  readonly #waiting = new Set<Waiter>();
  #count = 0;
  #bytes = 0;

  constructor(options: FlightLimitOptions) {
    this.#options = options;
  }

  /** Whether nothing is under way and nobody waits. */
  get isIdle(): boolean {
    return this.#count === 0 && this.#waiting.size === 0;
  }

  /** Enters if there is room and nobody was there before. */
  tryEnter(bytes: number): boolean {
    if (this.#waiting.size > 0 || !this.#hasRoomFor(bytes)) return false;
    this.#take(bytes);
    return true;
  }

  /** True once entered; false, without having entered, when the signal aborts or too many wait already. */
  enter(bytes: number, signal: AbortSignal): Promise<boolean> {
    if (signal.aborted) return Promise.resolve(false);
    if (this.tryEnter(bytes)) return Promise.resolve(true);
    if (this.#waiting.size >= this.#options.waitingMax) return Promise.resolve(false);
    return new Promise((resolve) => {
      const onAbort = () => {
        this.#waiting.delete(waiter);
        resolve(false);
        this.#admit(); // Those behind it may fit where it did not.
      };
      const admit = () => {
        signal.removeEventListener('abort', onAbort);
        resolve(true);
      };
      const waiter: Waiter = { bytes, admit };
      this.#waiting.add(waiter);
      signal.addEventListener('abort', onAbort, { once: true });
    });
  }

  /** Gives back what an entry took: the same number of bytes. */
  leave(bytes: number): void {
    this.#count -= 1;
    this.#bytes -= bytes;
    this.#admit();
  }

  #admit(): void {
    for (const waiter of this.#waiting) {
      if (!this.#hasRoomFor(waiter.bytes)) return;
      this.#waiting.delete(waiter);
      this.#take(waiter.bytes);
      waiter.admit();
    }
  }

  #hasRoomFor(bytes: number): boolean {
    if (this.#count >= this.#options.countMax) return false;
    return this.#count === 0 || this.#bytes + bytes <= this.#options.bytesMax;
  }

  #take(bytes: number): void {
    this.#count += 1;
    this.#bytes += bytes;
  }
}
