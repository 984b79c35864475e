import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type MetadataOutcome, runMetadataSchedule } from './metadata-schedule.ts';

/** About half a minute of one core; `npm run sim -- metadata` plays as many as one has time for. */
const schedules = 150;

const rangesOf = (total: number, parts: number) =>
  Array.from({ length: parts }, (_, part) => [(total / parts) * part + 1, (total / parts) * (part + 1)] as const);

/** Runs in which clients had fewer answers on the average would show little. */
const acknowledgedMeanMin = 40;

/** A run in which faults left no room for any answer shows nothing, and is void; so many of the runs may be. */
const voidMax = 2;

/** Changes of primaries in a run, on the average. */
const failoversMeanMin = 2;

async function traceOf(seed: number): Promise<readonly string[]> {
  const lines: string[] = [];
  await runMetadataSchedule(seed, { trace: (line) => lines.push(line) });
  return lines;
}

describe('the metadata cluster in simulation', () => {
  const { stackTraceLimit } = Error;
  beforeAll(() => {
    // Nobody reads the stacks of thousands of refusals.
    Error.stackTraceLimit = 0;
  });
  afterAll(() => {
    Error.stackTraceLimit = stackTraceLimit;
  });

  it.each(rangesOf(schedules, 6))(
    'keeps invariants 1, 2, 4 and 8 and serves again when faults end, in the schedules of seeds %i to %i',
    { timeout: 180_000 },
    async (first, last) => {
      const outcomes: MetadataOutcome[] = [];
      for (let seed = first; seed <= last; seed += 1) {
        const outcome = await runMetadataSchedule(seed);
        outcomes.push(outcome);
        if (outcome.failure !== undefined) {
          const story = (await traceOf(seed)).slice(-60).join('\n');
          const message = `seed ${seed}: ${outcome.failure.message}\nreplay it: SEED=${seed} npm run sim -- metadata\n${story}`;
          throw new Error(message, { cause: outcome.failure });
        }
        // The runner must be able to say that it is alive.
        await new Promise((resolve) => setImmediate(resolve));
      }
      const mean = (of: (outcome: MetadataOutcome) => number) =>
        outcomes.reduce((sum, each) => sum + of(each), 0) / outcomes.length;
      expect(mean(({ acknowledged }) => acknowledged)).toBeGreaterThan(acknowledgedMeanMin);
      expect(outcomes.filter(({ acknowledged }) => acknowledged === 0).length).toBeLessThanOrEqual(voidMax);
      expect(mean(({ failovers }) => failovers)).toBeGreaterThan(failoversMeanMin);
    },
  );

  it('repeats a schedule event by event from its seed', async () => {
    const traces = [await traceOf(7), await traceOf(7), await traceOf(8)];
    expect(traces[1]).toEqual(traces[0]);
    expect(traces[2]).not.toEqual(traces[0]);
  });
});
