/** The last bytes of a stream of text, bounded; what a failed process said last is what matters. */
export class StderrTail {
  readonly #bytesMax: number;
  #tail: Buffer = Buffer.alloc(0);

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  add(chunk: Buffer): void {
    const joined = Buffer.concat([this.#tail, chunk]);
    this.#tail = joined.length > this.#bytesMax ? joined.subarray(joined.length - this.#bytesMax) : joined;
  }

  /** Its lines, of a progress display only the last state, without empty ones. */
  get lines(): string[] {
    return this.#tail
      .toString('utf8')
      .split('\n')
      .map((line) => line.slice(line.lastIndexOf('\r') + 1).trim())
      .filter((line) => line !== '');
  }
}
