import { randomInt } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { runMetadataChaos } from '../chaos/metadata-chaos.ts';

/** Two faults, or three; `npm run chaos -- metadata` goes on for a minute. */
const durationS = 12;

describe('the primary of a partition that is killed, stopped, cut off and restarted over and over', () => {
  it('loses no acknowledged push, shows nobody what never was, and is replaced within seconds', async () => {
    const seed = Number(process.env.SEED ?? randomInt(2 ** 31));
    const told: string[] = [];
    const result = await runMetadataChaos({ durationS, seed, tell: (line) => told.push(line) });
    const report = [`SEED=${seed}`, ...told, JSON.stringify(result, undefined, 1)].join('\n');
    console.log(report);
    expect(result.violations, report).toEqual([]);
    expect(result.voidBecause, report).toEqual([]);
  });
});
