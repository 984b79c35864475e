import { describe, expect, it } from 'vitest';
import type { Presence, Replica } from '../../../../src/cli/locate/replica.ts';
import { tallied, type Verdict, VerdictTally, verdictOf } from '../../../../src/cli/locate/verdict.ts';

const replicas = (...presences: Presence[]): Replica[] =>
  presences.map((presence, index) => ({
    nodeId: `object-${index}`,
    address: '',
    state: 'ACTIVE',
    presence,
    size: 0,
    storedAt: '',
    error: '',
  }));

describe('the verdict on three copies with a quorum of two', () => {
  const cases: readonly [Presence[], Verdict][] = [
    [['present', 'present', 'present'], 'ok'],
    [['present', 'present', 'missing'], 'degraded'],
    [['present', 'present', 'unreachable'], 'degraded'],
    [['present', 'unreachable', 'missing'], 'unknown'],
    [['unreachable', 'unreachable', 'unreachable'], 'unknown'],
    [['present', 'corrupt', 'missing'], 'below-w'],
    [['missing', 'unknown', 'missing'], 'below-w'],
    [['corrupt', 'missing', 'missing'], 'lost'],
    [['', '', ''], ''],
    // A ring of fewer nodes than N can never be "ok".
    [['present', 'present'], 'degraded'],
  ];
  it.each(cases)('of %j is %j', (presences, verdict) => {
    expect(verdictOf(replicas(...presences), { wanted: 3, quorum: 2 })).toBe(verdict);
  });
});

describe('the exit code of several verdicts', () => {
  it.each([
    [[], 0],
    [['ok', 'ok'], 0],
    [['ok', 'degraded'], 5],
    [['degraded', 'unknown'], 7],
    [['unknown', 'below-w', 'ok'], 6],
    [['lost'], 6],
  ] as const)('of %j is that of the worst, %i', (verdicts, code) => {
    const tally = new VerdictTally();
    for (const verdict of verdicts) tally.add(verdict);
    expect(tally).toMatchObject({ exitCode: code, count: verdicts.length });
  });
});

describe('the verdicts of a stream', () => {
  it('are counted as they pass, and nothing is kept back', async () => {
    const tally = new VerdictTally();
    async function* batches() {
      yield [{ verdict: 'ok' as const }];
      expect(tally.count).toBe(1);
      yield [{ verdict: 'degraded' as const }, { verdict: 'ok' as const }];
    }
    expect(await Array.fromAsync(tallied(batches(), tally))).toHaveLength(2);
    expect(tally).toMatchObject({ exitCode: 5, count: 3 });
  });
});
