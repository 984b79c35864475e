// Plays schedules of the metadata cluster: SEEDS of them (default 1,000) from FIRST (default 1) on, or SEED alone with its trace; JOBS processes at once.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { type MetadataOutcome, runMetadataSchedule } from './metadata-schedule.ts';

const { SEED, SEEDS = '1000', FIRST = '1', JOBS = '1', STOP } = process.env;

/** The schedule of one seed with all that happens in it; its exit code. */
async function playOne(seed: number): Promise<number> {
  const { failure, ...outcome } = await runMetadataSchedule(seed, { trace: (line) => console.log(line) });
  console.log(outcome);
  if (failure !== undefined) console.error(failure);
  return failure === undefined ? 0 : 1;
}

/** Schedules one after the other; goes on after a failure, so that one run tells how many there are, unless it is to STOP. */
async function playMany(first: number, last: number): Promise<number> {
  Error.stackTraceLimit = 0;
  const outcomes: MetadataOutcome[] = [];
  const failed: number[] = [];
  for (let seed = first; seed <= last; seed += 1) {
    const outcome = await runMetadataSchedule(seed);
    outcomes.push(outcome);
    if (outcome.failure === undefined) continue;
    failed.push(seed);
    console.error(`seed ${seed}: ${outcome.failure.message}`);
    if (STOP !== undefined) break;
  }
  const sum = (of: (outcome: MetadataOutcome) => number) => outcomes.reduce((all, each) => all + of(each), 0);
  const totals = [
    `${outcomes.length} schedules`,
    `${sum(({ events }) => events)} events`,
    `${sum(({ acknowledged }) => acknowledged)} operations acknowledged`,
    `${sum(({ pushes }) => pushes)} of them pushes`,
    `${sum(({ failovers }) => failovers)} changes of primaries`,
    `${failed.length} failed`,
  ];
  console.log(`seeds ${first} to ${last}: ${totals.join(', ')}`);
  if (failed.length > 0) console.error(`replay one with its history: SEED=${failed[0]} npm run sim -- metadata`);
  return failed.length === 0 ? 0 : 1;
}

/** Several processes, each with its share of the seeds. */
async function playTogether(first: number, count: number, jobs: number): Promise<number> {
  const share = Math.ceil(count / jobs);
  const codes = Array.from({ length: jobs }, async (_, job) => {
    const env = {
      ...process.env,
      JOBS: '1',
      FIRST: `${first + job * share}`,
      SEEDS: `${Math.min(share, count - job * share)}`,
    };
    const [code] = await once(
      spawn(process.execPath, [fileURLToPath(import.meta.url)], { env, stdio: 'inherit' }),
      'exit',
    );
    return Number(code ?? 1);
  });
  return Math.max(...(await Promise.all(codes)));
}

const first = Number(FIRST);
if (SEED !== undefined) process.exitCode = await playOne(Number(SEED));
else if (Number(JOBS) > 1) process.exitCode = await playTogether(first, Number(SEEDS), Number(JOBS));
else process.exitCode = await playMany(first, first + Number(SEEDS) - 1);
