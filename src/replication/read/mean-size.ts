/** Blobs that the mean follows: about this many of the latest decide it. */
const memory = 256;

/** The mean size of the blobs seen lately; before the first one, what it was begun with. In bytes. */
export class MeanSize {
  #bytes: number;
  #count = 0;

  constructor(firstGuessBytes: number) {
    this.#bytes = firstGuessBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  add(bytes: number): void {
    this.#count = Math.min(memory, this.#count + 1);
    this.#bytes += (bytes - this.#bytes) / this.#count;
  }
}
