import { MiB } from '../../../base/units.ts';

/** What may wait in memory for the slowest reader of a response that cannot be kept on disk. */
export const windowBytesMax = 4 * MiB;

/** The last bytes of a response that is handed on without a file, until all readers have had them. */
export class DirectWindow {
  readonly #chunks: { readonly at: number; readonly chunk: Buffer }[] = [];
  #bytes = 0;

  /** Whether there is no room for another chunk. */
  get isFull(): boolean {
    return this.#bytes >= windowBytesMax;
  }

  /** Adds the chunk that begins at a position. */
  add(at: number, chunk: Buffer): void {
    this.#chunks.push({ at, chunk });
    this.#bytes += chunk.length;
  }

  /** The bytes from a position on, to the end of their chunk; undefined where they are not here. */
  at(position: number): Buffer | undefined {
    const found = this.#chunks.find(({ at, chunk }) => position >= at && position < at + chunk.length);
    return found?.chunk.subarray(position - found.at);
  }

  /** Forgets what lies before a position. */
  dropBefore(position: number): void {
    while (true) {
      const [first] = this.#chunks;
      if (first === undefined || first.at + first.chunk.length > position) return;
      this.#chunks.shift();
      this.#bytes -= first.chunk.length;
    }
  }
}
