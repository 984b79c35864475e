import type { SimRandom } from './sim-random.ts';

/** Something that will happen. */
export interface SimEvent {
  cancel(): void;
}

interface Scheduled extends SimEvent {
  readonly atMs: number;
  /** Events of the same moment happen in the order in which they were scheduled. */
  readonly sequence: number;
  callback: (() => void) | undefined;
}

/**
 * Virtual time and what happens in it, one event after the other. After each event every promise that
 * can go on does so before the next begins, so a run depends on its seed alone.
 */
export class SimWorld {
  readonly random: SimRandom;
  /** Told of what happens, when somebody wants to read it. */
  readonly #trace: ((line: string) => void) | undefined;
  readonly #heap: Scheduled[] = [];
  #nowMs = 0;
  #sequence = 0;
  #events = 0;

  constructor(modules: { readonly random: SimRandom; readonly trace?: ((line: string) => void) | undefined }) {
    this.random = modules.random;
    this.#trace = modules.trace;
  }

  /** Milliseconds since the world began. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** How many events there were. */
  get events(): number {
    return this.#events;
  }

  /** A line of the trace; made only when there is a reader. */
  note(line: () => string): void {
    this.#trace?.(`${this.#nowMs.toFixed(1).padStart(9)} ms  ${line()}`);
  }

  schedule(delayMs: number, callback: () => void): SimEvent {
    this.#sequence += 1;
    const event: Scheduled = {
      atMs: this.#nowMs + Math.max(0, delayMs),
      sequence: this.#sequence,
      callback,
      cancel: () => {
        event.callback = undefined;
      },
    };
    this.#push(event);
    return event;
  }

  /** The next event and all that follows from it at once; false when there is none before `untilMs`. */
  async step(untilMs = Number.POSITIVE_INFINITY): Promise<boolean> {
    for (let event = this.#heap[0]; event !== undefined && event.atMs <= untilMs; event = this.#heap[0]) {
      this.#pop();
      const { callback } = event;
      if (callback === undefined) continue;
      this.#nowMs = Math.max(this.#nowMs, event.atMs);
      this.#events += 1;
      event.callback = undefined;
      callback();
      await microtasksDone();
      return true;
    }
    if (Number.isFinite(untilMs)) this.#nowMs = Math.max(this.#nowMs, untilMs);
    return false;
  }

  /** Lets time go on until the promise is settled; fails when nothing is left that could settle it. */
  async settle<T>(promise: Promise<T>): Promise<T> {
    let isSettled = false;
    const done = () => {
      isSettled = true;
    };
    promise.then(done, done);
    await microtasksDone();
    while (!isSettled) if (!(await this.step())) throw new Error('nothing is left to happen, and it waits still');
    return promise;
  }

  #push(event: Scheduled): void {
    const heap = this.#heap;
    let index = heap.push(event) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!isBefore(heap[index], heap[parent])) break;
      this.#swap(index, parent);
      index = parent;
    }
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    heap[0] = last;
    for (let index = 0; ; ) {
      const [left, right] = [2 * index + 1, 2 * index + 2];
      let least = index;
      if (isBefore(heap[left], heap[least])) least = left;
      if (isBefore(heap[right], heap[least])) least = right;
      if (least === index) return;
      this.#swap(index, least);
      index = least;
    }
  }

  #swap(one: number, other: number): void {
    const [a, b] = [this.#heap[one], this.#heap[other]];
    if (a === undefined || b === undefined) return;
    this.#heap[one] = b;
    this.#heap[other] = a;
  }
}

function isBefore(left: Scheduled | undefined, right: Scheduled | undefined): boolean {
  if (left === undefined || right === undefined) return left !== undefined;
  return left.atMs < right.atMs || (left.atMs === right.atMs && left.sequence < right.sequence);
}

/** Node runs a tick only when no promise can go on: a moment without any timer or I/O. */
function microtasksDone(): Promise<void> {
  return new Promise((resolve) => process.nextTick(resolve));
}
