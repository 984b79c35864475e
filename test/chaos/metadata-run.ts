import { randomInt } from 'node:crypto';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { runMetadataChaos } from './metadata-chaos.ts';
import { faultKinds } from './metadata-faults.ts';

// The chaos run of metadata.ts. Ends with 0 for a good run, 1 for violations, 2 for a run that has shown nothing.
const durationS = Number(process.env.DURATION_S ?? 60);
const seed = Number(process.env.SEED ?? randomInt(2 ** 31));
// For example KINDS="stop and continue,not heard".
const wanted = process.env.KINDS?.split(',') ?? faultKinds;
const kinds = faultKinds.filter((kind) => wanted.includes(kind));
console.log(`SEED=${seed} DURATION_S=${durationS}`);
// Proxies and clients are in this process: where it stands still, so does what it measures.
const delays = monitorEventLoopDelay({ resolution: 10 });
delays.enable();
const result = await runMetadataChaos({ durationS, seed, kinds, tell: (line) => console.log(line) });
const { violations, voidBecause, faults, acknowledged, operations, failures, seconds, checkMs, folder } = result;
const inOrder = (times: readonly (number | undefined)[]) =>
  times
    .map((ms) => ms ?? Infinity)
    .sort((left, right) => left - right)
    .join(', ');
const recoveries = inOrder(faults.map((fault) => fault.recoveryMs));
const gaps = inOrder(faults.map(({ gapMs }) => gapMs));
const rate = (count: number) => `${(count / seconds).toFixed(1)}/s`;
console.log(`${faults.length} faults in ${seconds.toFixed(0)} s; until the next acknowledged push, ms: ${recoveries}`);
console.log(`longest time without an acknowledged push, ms: ${gaps}`);
console.log(
  `acknowledged: git ${acknowledged.git} (${rate(acknowledged.git)}), direct ${acknowledged.direct} (${rate(acknowledged.direct)})`,
);
console.log(
  `judged: ${operations.git} operations of git, ${operations.direct} direct ones, in ${Math.round(checkMs)} ms`,
);
console.log(
  `this process stood still: 99 % below ${Math.round(delays.percentile(99) / 1e6)} ms, at most ${Math.round(delays.max / 1e6)} ms`,
);
console.log('not done:', JSON.stringify(failures, undefined, 1));
for (const violation of violations.slice(0, 50)) console.log(`VIOLATION: ${violation}`);
for (const reason of voidBecause) console.log(`VOID: ${reason}`);
if (violations.length > 0) {
  console.log(`${violations.length} violations, SEED=${seed}; the data is left in ${folder}`);
  process.exitCode = 1;
} else if (voidBecause.length > 0) {
  console.log(`void, SEED=${seed}`);
  process.exitCode = 2;
} else {
  console.log(`no violation, SEED=${seed}`);
}
