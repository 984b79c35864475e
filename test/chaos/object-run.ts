import { randomInt } from 'node:crypto';
import { runObjectChaos } from './object-chaos.ts';

// The chaos run of object.ts. Ends with 0 for a good run, 1 for violations, 2 for a run that has shown nothing.
const [, , program = ''] = process.argv;
const rounds = Number(process.env.ROUNDS ?? 1_000);
const seed = Number(process.env.SEED ?? randomInt(2 ** 31));
const checkEvery = Number(process.env.CHECK_EVERY ?? 100);
console.log(`SEED=${seed} ROUNDS=${rounds}`);
const beganMs = performance.now();
const result = await runObjectChaos({ program, rounds, seed, checkEvery, tell: (line) => console.log(line) });
const { violations, voidBecause, acknowledged, unacknowledged, failures, struck, roundMs, folder } = result;
console.log(`${rounds} rounds of ${Math.round(roundMs)} ms, ${struck} kills in the midst of a write to that node`);
console.log(
  'acknowledged:',
  JSON.stringify(acknowledged),
  `not acknowledged: ${unacknowledged}`,
  JSON.stringify(failures),
);
for (const violation of violations.slice(0, 50)) console.log(`VIOLATION: ${violation}`);
for (const reason of voidBecause) console.log(`VOID: ${reason}`);
const took = `${Math.round((performance.now() - beganMs) / 1000)} s, SEED=${seed}`;
if (violations.length > 0) {
  console.log(`${violations.length} violations in ${took}; the data is left in ${folder}`);
  process.exitCode = 1;
} else if (voidBecause.length > 0) {
  console.log(`void after ${took}`);
  process.exitCode = 2;
} else {
  console.log(`no violation in ${took}`);
}
