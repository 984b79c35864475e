import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { simRandom } from '../sim-random.ts';
import { isLinearizableByBruteForce } from './brute-force.ts';
import { checkLinearizable } from './check-linearizable.ts';
import { type History, HistoryRecorder, type Operation } from './history.ts';
import { type RefInput, type RefOutput, refModel } from './ref-model.ts';
import {
  noValue,
  type RefSwap,
  type RepositoryInput,
  type RepositoryOutput,
  repositoryModel,
} from './repository-model.ts';

/** An operation as a test writes it: who, from when to when, what. Without an end its outcome is unknown. */
function at<Input, Output>(
  client: string,
  invokedAt: number,
  returnedAt: number | undefined,
  [input, output]: readonly [Input, Output],
): Operation<Input, Output> {
  const isKnown = returnedAt !== undefined;
  return {
    client,
    input,
    invokedAt,
    returnedAt: returnedAt ?? Number.POSITIVE_INFINITY,
    output: isKnown ? output : undefined,
  };
}

const reads = (id: string): readonly [RefInput, RefOutput] => [{ kind: 'read' }, { kind: 'value', id }];
const swap =
  (isDone: boolean) =>
  (oldId: string, newId: string): readonly [RefInput, RefOutput] => [
    { kind: 'swap', oldId, newId },
    { kind: 'swapped', isDone },
  ];
const swaps = swap(true);
const fails = swap(false);

const refHistories: readonly [string, boolean, History<RefInput, RefOutput>][] = [
  ['nothing at all', true, []],
  [
    'one after the other',
    true,
    [at('a', 1, 2, swaps('', 'x')), at('b', 3, 4, reads('x')), at('b', 5, 6, fails('', 'y'))],
  ],
  [
    'reads that overlap a swap and see it or not',
    true,
    [at('a', 1, 10, swaps('', 'x')), at('b', 2, 3, reads('')), at('c', 4, 5, reads('x'))],
  ],
  [
    'a lost update: two swaps from the same value are both done',
    false,
    [at('a', 1, 4, swaps('', 'x')), at('b', 2, 5, swaps('', 'y'))],
  ],
  ['a stale read', false, [at('a', 1, 2, swaps('', 'x')), at('b', 3, 4, reads(''))]],
  [
    'two reads that go back in time while a swap is under way',
    false,
    [at('a', 1, 10, swaps('', 'x')), at('b', 2, 3, reads('x')), at('b', 4, 5, reads(''))],
  ],
  ['a dirty read of what was refused for certain, and is in no history', false, [at('b', 1, 2, reads('x'))]],
  [
    'a resurrected value',
    false,
    [at('a', 1, 2, swaps('', 'x')), at('a', 3, 4, swaps('x', '')), at('b', 5, 6, reads('')), at('b', 7, 8, reads('x'))],
  ],
  [
    'an acknowledged write that vanishes',
    false,
    [at('a', 1, 2, swaps('', 'x')), at('b', 3, 4, swaps('', 'y')), at('c', 5, 6, reads('y'))],
  ],
  [
    'a swap that was refused although it fits',
    false,
    [at('a', 1, 2, swaps('', 'x')), at('b', 3, 4, fails('x', 'y')), at('c', 5, 6, reads('x'))],
  ],
  [
    'a push that is done twice: there and back, and there again',
    false,
    [
      at('a', 1, 2, swaps('', 'x')),
      at('a', 3, 4, swaps('x', 'y')),
      at('b', 5, 6, swaps('y', 'x')),
      at('b', 7, 8, reads('y')),
    ],
  ],
  [
    'an unknown swap that is seen late',
    true,
    [at('a', 1, undefined, swaps('', 'x')), at('b', 2, 3, reads('')), at('b', 4, 5, reads('x'))],
  ],
  ['an unknown swap that never happens', true, [at('a', 1, undefined, swaps('', 'x')), at('b', 2, 3, reads(''))]],
  [
    'an unknown swap that is seen and then is not',
    false,
    [at('a', 1, undefined, swaps('', 'x')), at('b', 2, 3, reads('x')), at('b', 4, 5, reads(''))],
  ],
  [
    'an unknown swap that is seen before it was invoked',
    false,
    [at('b', 1, 2, reads('x')), at('a', 3, undefined, swaps('', 'x'))],
  ],
  [
    'an unknown swap that waits for two others',
    true,
    [
      at('a', 1, undefined, swaps('y', 'z')),
      at('b', 2, 3, swaps('', 'x')),
      at('b', 4, 5, swaps('x', 'y')),
      at('c', 6, 7, reads('z')),
    ],
  ],
  [
    'operations that touch at one moment, which overlap',
    true,
    [at('a', 1, 2, swaps('', 'x')), at('b', 2, 3, reads(''))],
  ],
];

const one = (name: string, oldId: string, newId: string): RefSwap => ({ name, oldId, newId });
const pushes = (
  isAtomic: boolean,
  areDone: readonly boolean[],
  ...list: readonly RefSwap[]
): readonly [RepositoryInput, RepositoryOutput] => [
  { kind: 'push', isAtomic, swaps: list },
  { kind: 'pushed', areDone },
];
const readsAll = (refs: Readonly<Record<string, string>>): readonly [RepositoryInput, RepositoryOutput] => [
  { kind: 'read' },
  { kind: 'refs', refs: new Map(Object.entries(refs)) },
];
const both = [one('m', '', '1'), one('n', '', '1')] as const;

const repositoryHistories: readonly [string, boolean, History<RepositoryInput, RepositoryOutput>][] = [
  [
    'an atomic push that is seen whole',
    true,
    [at('a', 1, 5, pushes(true, [true, true], ...both)), at('b', 2, 3, readsAll({ m: '1', n: '1' }))],
  ],
  [
    'an atomic push that is half seen',
    false,
    [at('a', 1, 5, pushes(true, [true, true], ...both)), at('b', 2, 3, readsAll({ m: '1' }))],
  ],
  [
    'an atomic push of unknown outcome that is half seen',
    false,
    [at('a', 1, undefined, pushes(true, [true, true], ...both)), at('b', 2, 3, readsAll({ n: '1' }))],
  ],
  [
    'an atomic push that is done although one of its commands does not fit',
    false,
    [at('a', 1, 2, pushes(true, [true], one('m', '', '0'))), at('b', 3, 4, pushes(true, [true, true], ...both))],
  ],
  [
    'a push each for itself of which one command fits',
    true,
    [
      at('a', 1, 2, pushes(true, [true], one('m', '', '0'))),
      at('b', 3, 4, pushes(false, [false, true], ...both)),
      at('b', 5, 6, readsAll({ m: '0', n: '1' })),
    ],
  ],
  [
    'a lost update of one ref of two',
    false,
    [
      at('a', 1, 2, pushes(false, [true, true], ...both)),
      at('b', 3, 4, pushes(true, [true], one('m', '1', '2'))),
      at('c', 5, 6, readsAll({ m: '1', n: '1' })),
    ],
  ],
  [
    'two atomic pushes that two readers see in different orders',
    false,
    [
      at('a', 1, 20, pushes(true, [true], one('m', '', '1'))),
      at('b', 1, 20, pushes(true, [true], one('n', '', '1'))),
      at('c', 2, 3, readsAll({ m: '1' })),
      at('d', 2, 3, readsAll({ n: '1' })),
    ],
  ],
  [
    'a deleted ref that comes back with an acknowledged push of another ref',
    false,
    [
      at('a', 1, 2, pushes(false, [true, true], ...both)),
      at('a', 3, 4, pushes(false, [true], one('m', '1', noValue))),
      at('b', 5, 6, pushes(false, [true], one('n', '1', '2'))),
      at('b', 7, 8, readsAll({ m: '1', n: '2' })),
    ],
  ],
];

/** A random legal history: each operation takes effect at a moment between its invocation and its return. */
function legalHistory(seed: number, size: number, clients: number): Operation<RefInput, RefOutput>[] {
  const random = simRandom(seed);
  const free = Array.from({ length: clients }, () => 0);
  const planned = Array.from({ length: size }, (_, number) => {
    const client = random.integer(0, clients - 1);
    const invokedAt = (free[client] ?? 0) + random.between(0.01, 1);
    const effectAt = invokedAt + random.between(0, 5);
    const returnedAt = effectAt + random.between(0, 5);
    free[client] = returnedAt;
    return { client: `${client}`, number, invokedAt, effectAt, returnedAt, isUnknown: random.chance(0.05) };
  });
  let value = noValue;
  const history: Operation<RefInput, RefOutput>[] = [];
  for (const { client, number, invokedAt, returnedAt, isUnknown } of planned.sort((a, b) => a.effectAt - b.effectAt)) {
    const oldId = random.chance(0.7) ? value : 'another';
    const isLost = isUnknown && random.chance(0.5);
    const what = random.chance(0.4) ? reads(value) : swap(oldId === value)(oldId, `${number}`);
    if (what[0].kind === 'swap' && oldId === value && !isLost) value = what[0].newId;
    history.push(at(client, invokedAt, isUnknown ? undefined : returnedAt, what));
  }
  return history;
}

const smallRefHistories = fc
  .array(
    fc.record({
      from: fc.integer({ min: 0, max: 12 }),
      length: fc.integer({ min: 0, max: 6 }),
      isUnknown: fc.boolean(),
      what: fc.oneof(
        fc.constantFrom('', 'x', 'y').map(reads),
        fc
          .tuple(fc.boolean(), fc.constantFrom('', 'x', 'y'), fc.constantFrom('', 'x', 'y'))
          .map(([isDone, oldId, newId]) => swap(isDone)(oldId, newId)),
      ),
    }),
    { maxLength: 6 },
  )
  .map((list) =>
    list.map(({ from, length, isUnknown, what }, index) =>
      at(`${index}`, from, isUnknown ? undefined : from + length, what),
    ),
  );

const refNames = fc.constantFrom('m', 'n');
const ids = fc.constantFrom('', '1', '2');
const smallRepositoryHistories = fc
  .array(
    fc.record({
      from: fc.integer({ min: 0, max: 10 }),
      length: fc.integer({ min: 0, max: 6 }),
      isUnknown: fc.boolean(),
      what: fc.oneof(
        fc
          .tuple(ids, ids)
          .map(([m, n]) => readsAll(Object.fromEntries(Object.entries({ m, n }).filter(([, id]) => id !== '')))),
        fc
          .tuple(
            fc.boolean(),
            fc.uniqueArray(fc.tuple(refNames, ids, ids, fc.boolean()), { minLength: 1, selector: ([name]) => name }),
          )
          .map(([isAtomic, list]) =>
            pushes(
              isAtomic,
              list.map(([, , , isDone]) => isDone),
              ...list.map(([name, oldId, newId]) => one(name, oldId, newId)),
            ),
          ),
      ),
    }),
    { maxLength: 5 },
  )
  .map((list) =>
    list.map(({ from, length, isUnknown, what }, index) =>
      at(`${index}`, from, isUnknown ? undefined : from + length, what),
    ),
  );

describe('the linearizability checker', () => {
  it.each(refHistories)('judges %s of one ref: linearizable is %s', (_, isLegal, history) => {
    expect(checkLinearizable(refModel, history).result).toBe(isLegal ? 'linearizable' : 'not-linearizable');
    expect(isLinearizableByBruteForce(refModel, history)).toBe(isLegal);
  });

  it.each(repositoryHistories)('judges %s: linearizable is %s', (_, isLegal, history) => {
    expect(checkLinearizable(repositoryModel, history).result).toBe(isLegal ? 'linearizable' : 'not-linearizable');
    expect(isLinearizableByBruteForce(repositoryModel, history)).toBe(isLegal);
  });

  it('finds for small histories of one ref what trying all orders finds', () => {
    let legal = 0;
    fc.assert(
      fc.property(smallRefHistories, (history) => {
        const isLegal = isLinearizableByBruteForce(refModel, history);
        if (isLegal) legal += 1;
        expect(checkLinearizable(refModel, history).result).toBe(isLegal ? 'linearizable' : 'not-linearizable');
      }),
      { numRuns: 3_000, seed: 1 },
    );
    // Both kinds occur, else the comparison says little.
    expect(legal).toBeGreaterThan(300);
    expect(legal).toBeLessThan(2_700);
  });

  it('finds for small histories of a repository what trying all orders finds', () => {
    let legal = 0;
    fc.assert(
      fc.property(smallRepositoryHistories, (history) => {
        const isLegal = isLinearizableByBruteForce(repositoryModel, history);
        if (isLegal) legal += 1;
        expect(checkLinearizable(repositoryModel, history).result).toBe(isLegal ? 'linearizable' : 'not-linearizable');
      }),
      { numRuns: 3_000, seed: 1 },
    );
    expect(legal).toBeGreaterThan(300);
    expect(legal).toBeLessThan(2_700);
  });

  it('gives an order that the model accepts and that respects time', () => {
    const history = legalHistory(1, 400, 10);
    const { result, order } = checkLinearizable(refModel, history);
    expect(result).toBe('linearizable');
    let state = refModel.initial;
    for (const { input, output } of order) {
      const after = refModel.step(state, input, output);
      expect(after).toBeDefined();
      state = after ?? state;
    }
    const known = history.filter(({ output }) => output !== undefined);
    expect(order.filter(({ output }) => output !== undefined)).toHaveLength(known.length);
    for (const [place, operation] of order.entries()) {
      for (const later of order.slice(place + 1)) expect(later.returnedAt).toBeGreaterThanOrEqual(operation.invokedAt);
    }
  });

  it('judges 5,000 operations on one ref by 40 clients, with unknown outcomes among them', () => {
    const history = legalHistory(2, 5_000, 40);
    const { result, configurations } = checkLinearizable(refModel, history);
    expect(result).toBe('linearizable');
    expect(configurations).toBeLessThan(50_000);
  });

  it('finds one swapped answer among 5,000 operations and names it', () => {
    const history = legalHistory(3, 5_000, 40);
    const spoilt = history.findIndex(({ output }, index) => index > 3_000 && output?.kind === 'value');
    const before = history[spoilt]!;
    history[spoilt] = { ...before, output: { kind: 'value', id: 'written by nobody' } };
    const { result, stuckAt } = checkLinearizable(refModel, history);
    expect(result).toBe('not-linearizable');
    expect(stuckAt).toContain(history[spoilt]);
  });

  it('says that it is undecided when it may not search any longer', () => {
    const history = legalHistory(4, 200, 20);
    expect(checkLinearizable(refModel, history, { configurationsMax: 20 }).result).toBe('undecided');
  });
});

describe('the recorder of histories', () => {
  it('leaves out what was refused for certain, and keeps open what nobody answered', () => {
    const recorder = new HistoryRecorder<string, number>();
    const first = recorder.invoke('a', 'first');
    const second = recorder.invoke('b', 'second');
    recorder.invoke('c', 'third');
    second.refused();
    first.returned(7);
    expect(recorder.history).toEqual([
      { client: 'a', input: 'first', invokedAt: 1, returnedAt: 4, output: 7 },
      { client: 'c', input: 'third', invokedAt: 3, returnedAt: Number.POSITIVE_INFINITY, output: undefined },
    ]);
  });
});
