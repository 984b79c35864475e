/** Sorted virtual nodes of a ring, found by position in a step or two. */
export class RingEntries {
  /** The upper and lower 32 bits of each entry's position, ascending. */
  readonly high: Uint32Array;
  readonly low: Uint32Array;
  /** Which member each entry belongs to. */
  readonly owners: Uint32Array;
  /** Where the entries of each value of the position's top bits begin; one more than there are values. */
  readonly #buckets: Uint32Array;
  /** How far right the upper half is shifted to leave the top bits. */
  readonly #shift: number;

  /** From unsorted entries; those on one position are in the order of their owners, so that all agree. */
  constructor(high: Uint32Array, low: Uint32Array, owners: Uint32Array) {
    const count = high.length;
    // Four to eight buckets an entry: positions are hashes, so that most buckets are empty, and then nothing is compared.
    const bits = Math.min(24, Math.ceil(Math.log2(count + 1)) + 2);
    this.#shift = 32 - bits;
    this.#buckets = new Uint32Array(2 ** bits + 1);
    for (let index = 0; index < count; index += 1) {
      const bucket = ((high[index] ?? 0) >>> this.#shift) + 1;
      this.#buckets[bucket] = (this.#buckets[bucket] ?? 0) + 1;
    }
    for (let bucket = 1; bucket < this.#buckets.length; bucket += 1) {
      this.#buckets[bucket] = (this.#buckets[bucket] ?? 0) + (this.#buckets[bucket - 1] ?? 0);
    }
    this.high = new Uint32Array(count);
    this.low = new Uint32Array(count);
    this.owners = new Uint32Array(count);
    this.#insertAll(high, low, owners);
  }

  get length(): number {
    return this.owners.length;
  }

  /** Index of the first entry at or after a position, wrapping around. */
  firstAtOrAfter(high: number, low: number): number {
    const bucket = high >>> this.#shift;
    let index = this.#buckets[bucket] ?? 0;
    const end = this.#buckets[bucket + 1] ?? 0;
    while (index < end && this.#isBefore(index, high, low)) index += 1;
    return index === this.length ? 0 : index;
  }

  /** What part of the circle, 0 to 1, lies behind the entry before and up to this one. */
  width(index: number): number {
    if (this.length === 1) return 1;
    const before = index === 0 ? this.length - 1 : index - 1;
    const high = (this.high[index] ?? 0) - (this.high[before] ?? 0);
    const low = (this.low[index] ?? 0) - (this.low[before] ?? 0);
    const width = high / 2 ** 32 + low / 2 ** 64;
    return index === 0 ? width + 1 : width;
  }

  /** Puts each entry into its bucket, in order: insertion sort among the one or two that share it. */
  #insertAll(high: Uint32Array, low: Uint32Array, owners: Uint32Array): void {
    const filled = this.#buckets.slice(0, -1);
    for (let from = 0; from < high.length; from += 1) {
      const upper = high[from] ?? 0;
      const lower = low[from] ?? 0;
      const bucket = upper >>> this.#shift;
      const first = this.#buckets[bucket] ?? 0;
      let at = filled[bucket] ?? first;
      filled[bucket] = at + 1;
      // Strictly greater ones move, so that equal positions stay in the order of their owners.
      for (; at > first && this.#isAfter(at - 1, upper, lower); at -= 1) {
        this.high[at] = this.high[at - 1] ?? 0;
        this.low[at] = this.low[at - 1] ?? 0;
        this.owners[at] = this.owners[at - 1] ?? 0;
      }
      this.high[at] = upper;
      this.low[at] = lower;
      this.owners[at] = owners[from] ?? 0;
    }
  }

  #isBefore(index: number, high: number, low: number): boolean {
    const upper = this.high[index] ?? 0;
    return upper < high || (upper === high && (this.low[index] ?? 0) < low);
  }

  #isAfter(index: number, high: number, low: number): boolean {
    const upper = this.high[index] ?? 0;
    return upper > high || (upper === high && (this.low[index] ?? 0) > low);
  }
}
