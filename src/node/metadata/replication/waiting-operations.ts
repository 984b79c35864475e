import { StratumError } from '../../../base/errors.ts';
import type { OperationResults } from '../state-machine/applied.ts';

/** The result of any operation. */
export type OperationResult = OperationResults[keyof OperationResults];

/** Somebody who waits for the outcome of an entry. */
interface Waiter {
  readonly epoch: bigint;
  readonly bytes: number;
  readonly resolve: (result: OperationResult) => void;
  readonly reject: (error: unknown) => void;
}

/** What became of an entry when it was applied. */
export type Outcome = { readonly result: OperationResult } | { readonly refusal: unknown };

/**
 * The callers whose operations are in a partition's log and not applied yet. They stay when this node is deposed: the next
 * primary may commit the entry, and then they get its result; when it commits another one in its
 * place, theirs is gone for certain.
 */
export class WaitingOperations {
  /** By index; more than one where an entry of an earlier epoch was cut off and another one put in its place. */
  readonly #waiters = new Map<bigint, readonly Waiter[]>();
  #count = 0;
  #bytes = 0;
  #onEmpty: (() => void)[] = [];

  get count(): number {
    return this.#count;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Waits for the entry at `index`. When the signal aborts, with its reason; the entry goes its way. */
  add(entry: { index: bigint; epoch: bigint; bytes: number }, signal: AbortSignal): Promise<OperationResult> {
    const { index, epoch, bytes } = entry;
    const { promise, resolve, reject } = Promise.withResolvers<OperationResult>();
    const waiter: Waiter = {
      epoch,
      bytes,
      resolve: (result) => {
        end();
        resolve(result);
      },
      reject: (error) => {
        end();
        reject(error);
      },
    };
    const onAbort = () => this.#leave(index, waiter, signal.reason);
    const end = () => signal.removeEventListener('abort', onAbort);
    signal.addEventListener('abort', onAbort, { once: true });
    this.#waiters.set(index, [...(this.#waiters.get(index) ?? []), waiter]);
    this.#count += 1;
    this.#bytes += bytes;
    return promise;
  }

  /** The entry at `index` has been applied; it is of `epoch`. */
  applied({ index, epoch }: { index: bigint; epoch: bigint }, outcome: Outcome, notDone: () => StratumError): void {
    for (const waiter of this.#takeAll(index)) {
      if (waiter.epoch !== epoch) waiter.reject(notDone());
      else if ('result' in outcome) waiter.resolve(outcome.result);
      else waiter.reject(outcome.refusal);
    }
  }

  /** Resolves when nobody waits. */
  async settled(): Promise<void> {
    if (this.#count === 0) return;
    await new Promise<void>((resolve) => this.#onEmpty.push(resolve));
  }

  /** This node will not learn what became of the entries. */
  abandon(why: string): void {
    for (const index of [...this.#waiters.keys()]) {
      // CANCELLED is among what leaves open whether it was done (client/metadata-call.ts).
      const error = new StratumError('CANCELLED', `${why}: the outcome of the operation is unknown`);
      for (const waiter of this.#takeAll(index)) waiter.reject(error);
    }
  }

  #leave(index: bigint, waiter: Waiter, reason: unknown): void {
    const others = (this.#waiters.get(index) ?? []).filter((other) => other !== waiter);
    if (others.length > 0) this.#waiters.set(index, others);
    else this.#waiters.delete(index);
    this.#ended(waiter);
    waiter.reject(reason);
  }

  #takeAll(index: bigint): readonly Waiter[] {
    const waiters = this.#waiters.get(index) ?? [];
    this.#waiters.delete(index);
    for (const waiter of waiters) this.#ended(waiter);
    return waiters;
  }

  #ended({ bytes }: Waiter): void {
    this.#count -= 1;
    this.#bytes -= bytes;
    if (this.#count === 0) for (const resolve of this.#onEmpty.splice(0)) resolve();
  }
}
