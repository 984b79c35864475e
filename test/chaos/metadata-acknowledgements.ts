/** How a push was made: git itself, or the client of the metadata alone. */
export type PushKind = 'git' | 'direct' | 'probe';

interface Acknowledgement {
  readonly kind: PushKind;
  readonly invokedMs: number;
  readonly atMs: number;
}

/** When which pushes were acknowledged, on performance.now(); and what failed, by its words or code. */
export class Acknowledgements {
  readonly failures = new Map<string, number>();
  readonly #all: Acknowledgement[] = [];

  add(kind: PushKind, invokedMs: number): void {
    this.#all.push({ kind, invokedMs, atMs: performance.now() });
  }

  fail(kind: PushKind, what: string): void {
    const key = `${kind} ${what}`;
    this.failures.set(key, (this.failures.get(key) ?? 0) + 1);
  }

  count(kind: PushKind): number {
    return this.#all.filter((each) => each.kind === kind).length;
  }

  /** When the first push was acknowledged that began after a moment. */
  firstAfter(momentMs: number, ...kinds: readonly PushKind[]): number | undefined {
    const times = this.#all
      .filter(({ kind, invokedMs }) => kinds.includes(kind) && invokedMs >= momentMs)
      .map(({ atMs }) => atMs);
    return times.length === 0 ? undefined : Math.min(...times);
  }

  /** The longest time without an answer to any push between two moments. */
  longestGapMs(fromMs: number, toMs: number): number {
    const times = this.#all.map(({ atMs }) => atMs).filter((atMs) => atMs > fromMs && atMs < toMs);
    const moments = [fromMs, ...times, toMs];
    return Math.max(...moments.slice(1).map((moment, at) => moment - (moments[at] ?? moment)));
  }
}
