import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Guard } from '../../src/consensus/etcd/coordination-store.ts';
import { PureSchedule } from './pure-schedule.ts';
import { runSchedule, type ScheduleOutcome } from './schedule.ts';
import { simPrefix } from './sim-coordinator.ts';

// The real one reserves room for ten thousand clients at every start of a coordinator: a third of a schedule's time.
vi.mock('lru-cache', () => ({
  LRUCache: function LRUCache() {
    return new Map<string, unknown>();
  },
}));

/** Schedules of the whole: coordinators with the etcd driver, nodes with membership and topology view; 40 a second of one core. */
const wholeSchedules = Number(process.env.STRATUM_SIM_SCHEDULES ?? 640);

/** Schedules of the pure parts alone. */
const pureSchedules = 10_000;

const rangesOf = (total: number, parts: number) =>
  Array.from({ length: parts }, (_, part) => {
    const firstOf = (which: number) => Math.round((total / parts) * which) + 1;
    return [firstOf(part), firstOf(part + 1) - 1] as const;
  });

/** A seed to replay alone, with its trace. */
const replayed = process.env.STRATUM_SIM_SEED;

const howToReplay = (seed: number) =>
  `replay it: STRATUM_SIM_SEED=${seed} npx vitest run --project sim coordinator-schedules`;

/** The end of the story of a schedule. */
async function traceOf(seed: number): Promise<string> {
  const lines: string[] = [];
  await runSchedule(seed, { trace: (line) => lines.push(line) });
  return lines.slice(-60).join('\n');
}

async function expectSound(first: number, last: number): Promise<ScheduleOutcome[]> {
  const outcomes: ScheduleOutcome[] = [];
  for (let seed = first; seed <= last; seed += 1) {
    const outcome = await runSchedule(seed);
    outcomes.push(outcome);
    if (outcome.failure !== undefined) {
      const told = `seed ${seed}: ${outcome.failure.message}\n${howToReplay(seed)}\n${await traceOf(seed)}`;
      throw new Error(told, { cause: outcome.failure });
    }
    // The runner must be able to say that it is alive.
    if (seed % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  return outcomes;
}

describe('the coordinators in simulation', () => {
  const { stackTraceLimit } = Error;
  beforeAll(() => {
    // Nobody reads the stacks of thousands of refusals.
    if (replayed === undefined) Error.stackTraceLimit = 0;
  });
  afterAll(() => {
    Error.stackTraceLimit = stackTraceLimit;
  });

  if (replayed !== undefined) {
    it(`keeps every invariant in the schedule of seed ${replayed}`, async () => {
      const seed = Number(replayed);
      new PureSchedule(seed).run(200);
      const { failure, ...outcome } = await runSchedule(seed, { trace: (line) => console.info(line) });
      console.info(outcome);
      expect(failure).toBeUndefined();
    });
    return;
  }

  it.each(rangesOf(wholeSchedules, 6))(
    'keep invariants 4 and 5 and settle when faults end, in the schedules of seeds %i to %i',
    async (first, last) => {
      const outcomes = await expectSound(first, last);
      // Schedules in which nothing happens would prove nothing.
      const sum = (of: (outcome: ScheduleOutcome) => number) => outcomes.reduce((all, each) => all + of(each), 0);
      expect(sum(({ versions }) => versions) / outcomes.length).toBeGreaterThan(8);
      expect(sum(({ terms }) => terms) / outcomes.length).toBeGreaterThan(1.7);
    },
    120_000,
  );

  it.each([[3090, 'a leader that held its key in the store, and did not lead: nobody did, for ever']])(
    'keep sound in the schedule of seed %i, which once found %s',
    async (seed) => {
      await expectSound(seed, seed);
    },
  );

  it.each(rangesOf(pureSchedules, 2))(
    'reduce, detect and fence soundly in the pure schedules of seeds %i to %i',
    (first, last) => {
      for (let seed = first; seed <= last; seed += 1) {
        try {
          new PureSchedule(seed).run(200);
        } catch (error) {
          throw new Error(`seed ${seed}: ${String(error)}\n${howToReplay(seed)}`, { cause: error });
        }
      }
    },
    120_000,
  );

  it('repeat a schedule event by event from its seed', async () => {
    const traces = [await traceOf(7), await traceOf(7), await traceOf(8)];
    expect(traces[1]).toBe(traces[0]);
    expect(traces[2]).not.toBe(traces[0]);
  });

  /** Runs schedules until one fails. */
  async function firstFailure(ignores: (guard: Guard) => boolean): Promise<string | undefined> {
    for (let seed = 1; seed <= 400; seed += 1) {
      const { failure } = await runSchedule(seed, { faults: { ignores } });
      if (failure !== undefined) return failure.message;
    }
    return undefined;
  }

  it('are caught on a store that does not fence: one that takes the writes of a deposed leader', async () => {
    const isFence = (guard: Guard) =>
      guard.key === `${simPrefix}leader` && 'createRevision' in guard && guard.createRevision > 0n;
    expect(await firstFailure(isFence)).toContain('(invariant 4)');
  }, 60_000);

  it('are caught on a store that takes a version twice', async () => {
    expect(await firstFailure(({ key }) => key === `${simPrefix}head`)).toContain('(invariant 5)');
  }, 60_000);

  it('are caught on a store that elects two leaders', async () => {
    const isElection = (guard: Guard) =>
      guard.key === `${simPrefix}leader` && 'createRevision' in guard && guard.createRevision === 0n;
    expect(await firstFailure(isElection)).toContain('term');
  }, 60_000);
});
