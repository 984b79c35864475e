/** Of questions that seem not worth their cost, one in so many is asked all the same: things change. */
const askedOneOf = 32;

/** What the newest figure counts beside all before it: a change shows within some ten questions. */
const newestWeight = 1 / 16;

/** Before anything is known, it is worth asking. */
const hitShareAtFirst = 0.5;

/** A mean in which older figures count less and less; what is no figure is left out. */
class MovingMean {
  #mean: number | undefined;

  constructor(first?: number) {
    this.#mean = first;
  }

  get value(): number | undefined {
    return this.#mean;
  }

  note(figure: number): void {
    if (!Number.isFinite(figure) || figure < 0) return;
    this.#mean = this.#mean === undefined ? figure : this.#mean + (figure - this.#mean) * newestWeight;
  }
}

/**
 * Judges whether it is worth asking for an entry that could be computed instead. It is while what the hits save,
 * computing less fetching, is more than what the misses cost. How large an entry will be is not known beforehand:
 * fetching is reckoned for the size of those that are computed here.
 */
export class AskJudge {
  readonly #hitShare = new MovingMean(hitShareAtFirst);
  readonly #missMs = new MovingMean();
  /** Of hits: until the entry begins, and then for its bytes. */
  readonly #headMs = new MovingMean();
  readonly #bodyMs = new MovingMean();
  readonly #hitBytes = new MovingMean();
  readonly #computeMs = new MovingMean();
  readonly #computedBytes = new MovingMean();
  #declined = 0;

  /** Whether to ask now; one call for each question that there is. */
  shouldAsk(): boolean {
    if (this.expectedGainMs >= 0) {
      this.#declined = 0;
      return true;
    }
    this.#declined += 1;
    if (this.#declined < askedOneOf) return false;
    this.#declined = 0;
    return true;
  }

  /** What a question is expected to save, in milliseconds; negative when it costs. 0 while that is not known. */
  get expectedGainMs(): number {
    const computeMs = this.#computeMs.value;
    const hitShare = this.#hitShare.value ?? hitShareAtFirst;
    if (computeMs === undefined) return 0;
    const savedMs = computeMs - this.#fetchMs(this.#computedBytes.value ?? 0);
    return hitShare * savedMs - (1 - hitShare) * (this.#missMs.value ?? 0);
  }

  /** A question found nothing, or was not answered, after so many milliseconds. */
  noteMiss(ms: number): void {
    this.#hitShare.note(0);
    this.#missMs.note(ms);
  }

  /** A question brought an entry: milliseconds until it began, and those for which its bytes were waited for. */
  noteHit({
    headMs,
    bodyMs,
    bytes,
  }: {
    readonly headMs: number;
    readonly bodyMs: number;
    readonly bytes: number;
  }): void {
    this.#hitShare.note(1);
    this.#headMs.note(headMs);
    this.#bodyMs.note(bodyMs);
    this.#hitBytes.note(bytes);
  }

  /** An entry of so many bytes was computed in so many milliseconds. */
  noteComputed(ms: number, bytes: number): void {
    this.#computeMs.note(ms);
    this.#computedBytes.note(bytes);
  }

  /** What an entry of this size takes to come; 0, the best that can be, while no entry has come. */
  #fetchMs(bytes: number): number {
    const hitBytes = this.#hitBytes.value ?? 0;
    const msOfByte = hitBytes === 0 ? 0 : (this.#bodyMs.value ?? 0) / hitBytes;
    return (this.#headMs.value ?? 0) + msOfByte * bytes;
  }
}
