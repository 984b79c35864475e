import { randomInt } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BundledProgram, bundledProgram } from '../chaos/bundled-program.ts';
import { runObjectChaos } from '../chaos/object-chaos.ts';

const rounds = 12;

describe('object nodes that are killed at random moments of writing', () => {
  let program: BundledProgram;
  beforeAll(async () => {
    program = await bundledProgram('object-process.ts');
  });
  afterAll(() => program?.remove());

  it('lose nothing that they have acknowledged, and have nothing by halves', async () => {
    const seed = Number(process.env.SEED ?? randomInt(2 ** 31));
    const told: string[] = [];
    const tell = (line: string) => told.push(line);
    const result = await runObjectChaos({ program: program.file, rounds, seed, checkEvery: rounds / 2, tell });
    const report = [`SEED=${seed}`, ...told, JSON.stringify(result)].join('\n');
    console.log(report);
    expect(result.violations, report).toEqual([]);
    expect(result.voidBecause, report).toEqual([]);
  });
});
