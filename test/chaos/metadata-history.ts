import { checkLinearizable } from '../sim/linearizability/check-linearizable.ts';
import { type History, HistoryRecorder, type Invocation, type Operation } from '../sim/linearizability/history.ts';
import { type RefInput, type RefOutput, refModel } from '../sim/linearizability/ref-model.ts';
import {
  noValue,
  type RefSwap,
  type RepositoryInput,
  type RepositoryOutput,
  repositoryModel,
} from '../sim/linearizability/repository-model.ts';

type RepositoryHistory = History<RepositoryInput, RepositoryOutput>;
type RepositoryOperation = Operation<RepositoryInput, RepositoryOutput>;
type RefOperation = Operation<RefInput, RefOutput>;

/** What a check of a history found. */
export interface HistoryVerdict {
  readonly violations: readonly string[];
  /** Searches that were given up: they say nothing. */
  readonly undecided: readonly string[];
}

/** All that clients did to one repository and what they were told. A value is given to a ref only once. */
export class RecordedRepository {
  readonly name: string;
  readonly #recorder = new HistoryRecorder<RepositoryInput, RepositoryOutput>();

  constructor(name: string) {
    this.name = name;
  }

  push(client: string, swaps: readonly RefSwap[], isAtomic: boolean): Invocation<RepositoryOutput> {
    return this.#recorder.invoke(client, { kind: 'push', isAtomic, swaps });
  }

  read(client: string): Invocation<RepositoryOutput> {
    return this.#recorder.invoke(client, { kind: 'read' });
  }

  get history(): RepositoryHistory {
    return this.#recorder.history;
  }

  /** After the last answer: the repository as a whole, each ref for itself, and each acknowledged push among what led to the final refs. */
  check(finalRefs: ReadonlyMap<string, string>): HistoryVerdict {
    const violations: string[] = lostPushes(this.history, finalRefs).map((lost) => `${this.name}: ${lost}`);
    const undecided: string[] = [];
    const note = (what: string, result: string, stuckAt: readonly object[]) => {
      if (result === 'undecided') undecided.push(what);
      if (result === 'not-linearizable') violations.push(`${what} is not linearizable: ${shown(stuckAt)}`);
    };
    const whole = checkLinearizable(repositoryModel, this.history);
    note(this.name, whole.result, whole.stuckAt);
    for (const [ref, history] of refHistories(this.history)) {
      const { result, stuckAt } = checkLinearizable(refModel, history);
      note(`${this.name} ${ref}`, result, stuckAt);
    }
    return { violations, undecided };
  }
}

function shown(stuckAt: readonly object[]): string {
  return JSON.stringify(stuckAt.slice(0, 3), (_, value) => (value instanceof Map ? Object.fromEntries(value) : value));
}

/** The history of each ref. An atomic push that was not done did nothing to any of them, whatever the reason was. */
function refHistories(history: RepositoryHistory): ReadonlyMap<string, History<RefInput, RefOutput>> {
  const pushed = history.flatMap(({ input }) => (input.kind === 'push' ? input.swaps : [])).map(({ name }) => name);
  const seen = history.flatMap(({ output }) => (output?.kind === 'refs' ? [...output.refs.keys()] : []));
  const names = [...new Set([...pushed, ...seen])].sort();
  return new Map(names.map((name) => [name, history.flatMap((operation) => ofRef(operation, name))]));
}

function ofRef(operation: RepositoryOperation, name: string): RefOperation[] {
  const { input, output, ...moments } = operation;
  if (input.kind === 'read') {
    if (output?.kind !== 'refs') return [];
    return [{ ...moments, input, output: { kind: 'value', id: output.refs.get(name) ?? noValue } }];
  }
  const at = input.swaps.findIndex((each) => each.name === name);
  const swap = input.swaps[at];
  const areDone = output?.kind === 'pushed' ? output.areDone : undefined;
  if (swap === undefined || (input.isAtomic && areDone?.includes(false) === true)) return [];
  const ofOne = { kind: 'swap', oldId: swap.oldId, newId: swap.newId } as const;
  const isDone = areDone?.[at];
  return [{ ...moments, input: ofOne, output: isDone === undefined ? undefined : { kind: 'swapped', isDone } }];
}

/**
 * Acknowledged changes that did not lead to the final value of their ref. Each change names the value that it replaced
 * and sets one that nothing else sets, so that the way back from the end has no fork.
 */
function lostPushes(history: RepositoryHistory, finalRefs: ReadonlyMap<string, string>): string[] {
  const lost: string[] = [];
  for (const [ref, operations] of refHistories(history)) {
    const oldIds = new Map<string, string>();
    const acknowledged = new Set<string>();
    for (const { input, output } of operations) {
      if (input.kind === 'read') continue;
      const isDone = output?.kind === 'swapped' ? output.isDone : undefined;
      if (isDone !== false) oldIds.set(input.newId, input.oldId);
      if (isDone === true) acknowledged.add(input.newId);
    }
    for (let id = finalRefs.get(ref) ?? noValue; id !== noValue; id = oldIds.get(id) ?? noValue) {
      if (!oldIds.has(id)) lost.push(`${ref} has the value ${id}, which nobody has pushed`);
      acknowledged.delete(id);
    }
    if (acknowledged.size > 0) lost.push(`${ref} has lost acknowledged pushes: ${[...acknowledged].join(', ')}`);
  }
  return lost;
}
