import type { History, Operation } from './history.ts';

/** What operations do, one after the other. States are never changed in place. */
export interface SequentialModel<Input, Output, State> {
  readonly initial: State;
  /**
   * The state after an operation that answered `output`; undefined when it could not have answered so
   * here. Without an output any answer does. An operation without effect gives back the very same state.
   */
  step(state: State, input: Input, output: Output | undefined): State | undefined;
  /** Equal for equal states, and for these alone. */
  key(state: State): string;
}

/** What the checker found. */
export interface Verdict<Input, Output> {
  /** `undecided` when the search was given up. */
  readonly result: 'linearizable' | 'not-linearizable' | 'undecided';
  /** An order in which the operations may have happened; the longest one that was found. */
  readonly order: History<Input, Output>;
  /** The first operations, by the time of their return, that this order has no room for; empty when linearizable. */
  readonly stuckAt: History<Input, Output>;
  /** Configurations that were looked at. */
  readonly configurations: number;
}

/** An operation in the doubly linked list of invocations and returns, in the order of time. */
interface Entry<Input, Output> {
  readonly operation: Operation<Input, Output> | undefined;
  /** Position of the operation in the history. */
  readonly index: number;
  readonly isInvocation: boolean;
  /** The return of an invocation; undefined for an unknown outcome. */
  match: Entry<Input, Output> | undefined;
  previous: Entry<Input, Output> | undefined;
  next: Entry<Input, Output> | undefined;
}

/** A step of the search that can be undone. */
interface Choice<Input, Output, State> {
  readonly entry: Entry<Input, Output>;
  /** State before the step. */
  readonly state: State;
  /** It had no effect, so that to take it at once excludes nothing: there is no other way to try. */
  readonly isForced: boolean;
}

const defaultConfigurationsMax = 2_000_000;

/**
 * Decides whether operations that overlap can be put in an order that respects time (what had returned
 * before another was invoked comes before it) and in which each answers as the model does. The search
 * of Wing and Gong in the form of Lowe ("Testing for linearizability", 2017): invocations and returns
 * in a linked list, from which an operation is taken out when it is given its place and put back when
 * the search turns round, and a memory of the configurations (which operations have their place, and the state) that
 * lead nowhere.
 *
 * - An operation of unknown outcome has no return: it may be given a place at any moment after its
 *   invocation, or none. One without effect is given none, for that says the same.
 * - A known operation that fits and has no effect (a read, a refusal) is placed at once: in every order
 *   that goes on from here it may as well come first. So reads never make the search branch.
 */
export function checkLinearizable<Input, Output, State>(
  model: SequentialModel<Input, Output, State>,
  history: History<Input, Output>,
  options: { readonly configurationsMax?: number } = {},
): Verdict<Input, Output> {
  return new Search(model, history, options.configurationsMax ?? defaultConfigurationsMax).run();
}

class Search<Input, Output, State> {
  readonly #model: SequentialModel<Input, Output, State>;
  readonly #history: History<Input, Output>;
  readonly #configurationsMax: number;
  /** Before the first entry. */
  readonly #head: Entry<Input, Output> = newEntry(undefined, -1, false);
  readonly #seen: SeenConfigurations;
  readonly #path: Choice<Input, Output, State>[] = [];
  #longest: History<Input, Output> = [];
  #stuckAt: History<Input, Output> = [];
  #configurations = 0;
  /** Known operations without a place. */
  #left: number;

  constructor(
    model: SequentialModel<Input, Output, State>,
    history: History<Input, Output>,
    configurationsMax: number,
  ) {
    this.#model = model;
    // By invocation, so that what has its place is one long run of early operations; the unknown come last.
    const isUnknown = ({ output }: Operation<Input, Output>) => (output === undefined ? 1 : 0);
    this.#history = history.toSorted((a, b) => isUnknown(a) - isUnknown(b) || a.invokedAt - b.invokedAt);
    this.#configurationsMax = configurationsMax;
    this.#seen = new SeenConfigurations(history.length);
    this.#left = history.filter(({ output }) => output !== undefined).length;
    let last = this.#head;
    for (const entry of entriesInOrder(this.#history)) {
      last.next = entry;
      entry.previous = last;
      last = entry;
    }
  }

  run(): Verdict<Input, Output> {
    let state = this.#model.initial;
    for (;;) {
      // At each new configuration: what has no effect comes first.
      const forced = this.#placeWithoutEffect(state);
      if (this.#left === 0) break;
      let step = forced === 'stuck' ? undefined : this.#nextStep(this.#head.next, state);
      while (step === undefined) {
        this.#noteStuck();
        const choice = this.#turnRound();
        if (choice === undefined) return this.#verdict('not-linearizable');
        state = choice.state;
        step = this.#nextStep(choice.entry.next, state);
        if (this.#configurations > this.#configurationsMax) return this.#verdict('undecided');
      }
      this.#path.push({ entry: step.entry, state, isForced: false });
      this.#place(step.entry);
      state = step.after;
      if (this.#configurations > this.#configurationsMax) return this.#verdict('undecided');
    }
    this.#longest = this.#order();
    return this.#verdict('linearizable');
  }

  /** Places all known operations that fit and have no effect; `stuck` when the search has been where that leads. */
  #placeWithoutEffect(state: State): 'placed' | 'stuck' {
    let entry = this.#head.next;
    let placed: Entry<Input, Output> | undefined;
    while (entry?.isInvocation === true) {
      const { operation, next } = entry;
      const isKnown = operation?.output !== undefined;
      if (isKnown && this.#model.step(state, operation.input, operation.output) === state) {
        placed = entry;
        this.#path.push({ entry, state, isForced: true });
        this.#place(entry);
        // Its return may have been what others waited for; those before it do not fit, now as before.
        entry = entry.previous?.next ?? next;
      } else {
        entry = next;
      }
    }
    return placed === undefined || this.#isNew(state) ? 'placed' : 'stuck';
  }

  /** The first operation from `entry` on that may come next, and has an effect that leads somewhere new. */
  #nextStep(
    from: Entry<Input, Output> | undefined,
    state: State,
  ): { readonly entry: Entry<Input, Output>; readonly after: State } | undefined {
    for (let entry = from; entry?.isInvocation === true; entry = entry.next) {
      const { operation } = entry;
      if (operation === undefined) continue;
      const after = this.#model.step(state, operation.input, operation.output);
      if (after === undefined || after === state) continue;
      this.#seen.flip(entry.index);
      const isNew = this.#isNew(after);
      this.#seen.flip(entry.index);
      if (isNew) return { entry, after };
    }
    return undefined;
  }

  /** Whether nobody has been in this configuration. */
  #isNew(state: State): boolean {
    this.#configurations += 1;
    return this.#seen.add(this.#model.key(state));
  }

  #place(entry: Entry<Input, Output>): void {
    this.#seen.flip(entry.index);
    if (entry.match !== undefined) this.#left -= 1;
    for (const each of [entry, entry.match]) {
      if (each === undefined) continue;
      if (each.previous !== undefined) each.previous.next = each.next;
      if (each.next !== undefined) each.next.previous = each.previous;
    }
  }

  #putBack(entry: Entry<Input, Output>): void {
    this.#seen.flip(entry.index);
    if (entry.match !== undefined) this.#left += 1;
    for (const each of [entry.match, entry]) {
      if (each === undefined) continue;
      if (each.previous !== undefined) each.previous.next = each;
      if (each.next !== undefined) each.next.previous = each;
    }
  }

  /** Undoes steps up to the last one that has an alternative. */
  #turnRound(): Choice<Input, Output, State> | undefined {
    for (let choice = this.#path.pop(); choice !== undefined; choice = this.#path.pop()) {
      this.#putBack(choice.entry);
      if (!choice.isForced) return choice;
    }
    return undefined;
  }

  #noteStuck(): void {
    if (this.#path.length <= this.#longest.length && this.#stuckAt.length > 0) return;
    this.#longest = this.#order();
    const waiting: Operation<Input, Output>[] = [];
    for (let entry = this.#head.next; entry !== undefined && waiting.length < stuckMax; entry = entry.next) {
      if (!entry.isInvocation) waiting.push(this.#history[entry.index]!);
    }
    this.#stuckAt = waiting;
  }

  #order(): History<Input, Output> {
    return this.#path.map(({ entry }) => this.#history[entry.index]!);
  }

  #verdict(result: Verdict<Input, Output>['result']): Verdict<Input, Output> {
    const stuckAt = result === 'linearizable' ? [] : this.#stuckAt;
    return { result, order: this.#longest, stuckAt, configurations: this.#configurations };
  }
}

/** Operations that a verdict names. */
const stuckMax = 5;

function newEntry<Input, Output>(
  operation: Operation<Input, Output> | undefined,
  index: number,
  isInvocation: boolean,
): Entry<Input, Output> {
  return { operation, index, isInvocation, match: undefined, previous: undefined, next: undefined };
}

/** By time; at the same moment invocations come before returns, so that these operations overlap. */
function entriesInOrder<Input, Output>(history: History<Input, Output>): Entry<Input, Output>[] {
  const timed: { readonly at: number; readonly entry: Entry<Input, Output> }[] = [];
  for (const [index, operation] of history.entries()) {
    const invocation = newEntry(operation, index, true);
    timed.push({ at: operation.invokedAt, entry: invocation });
    if (operation.output === undefined) continue;
    invocation.match = newEntry(operation, index, false);
    timed.push({ at: operation.returnedAt, entry: invocation.match });
  }
  const rank = ({ entry }: (typeof timed)[number]) => (entry.isInvocation ? 0 : 1);
  timed.sort((a, b) => a.at - b.at || rank(a) - rank(b) || a.entry.index - b.entry.index);
  return timed.map(({ entry }) => entry);
}

/**
 * Sets of operations with a state: kept as the words from the first that is not full to the last that is not
 * empty. Found by a hash that changes with each operation; compared in full.
 */
class SeenConfigurations {
  readonly #words: Uint32Array;
  readonly #byHash = new Map<string, Uint32Array[]>();
  #hash = 0;
  /** All words before this one are full. */
  #low = 0;

  constructor(operations: number) {
    this.#words = new Uint32Array(Math.ceil(operations / 32));
  }

  /** Takes an operation into the present set, or out of it. */
  flip(index: number): void {
    const word = index >>> 5;
    this.#words[word]! ^= 1 << (index & 31);
    this.#hash ^= mixed(index);
    this.#low = Math.min(this.#low, word);
  }

  /** Adds the present set with a state; false when it is known. */
  add(state: string): boolean {
    const words = this.#words;
    while (words[this.#low] === allBits) this.#low += 1;
    let high = words.length;
    while (high > this.#low && words[high - 1] === 0) high -= 1;
    const present = words.subarray(this.#low, high);
    const key = `${this.#hash} ${this.#low} ${state}`;
    const known = this.#byHash.get(key);
    if (known === undefined) this.#byHash.set(key, [present.slice()]);
    else if (known.some((other) => sameWords(other, present))) return false;
    else known.push(present.slice());
    return true;
  }
}

const allBits = 0xffff_ffff;

function sameWords(left: Uint32Array, right: Uint32Array): boolean {
  return left.length === right.length && left.every((word, at) => word === right[at]);
}

/** Bits that have nothing to do with those of the next number: the finish of MurmurHash3. */
function mixed(index: number): number {
  let bits = Math.imul(index + 1, 0x9e3779b1);
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return bits ^ (bits >>> 16);
}
