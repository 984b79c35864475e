import { describe, expect, it } from 'vitest';
import type { Presence, Replica } from '../../../../src/cli/locate/replica.ts';
import { exitCodeOfVerdicts, type Verdict, verdictOf } from '../../../../src/cli/locate/verdict.ts';

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
    expect(exitCodeOfVerdicts(verdicts)).toBe(code);
  });
});
