import { describe, expect, it } from 'vitest';
import { StratumError } from '../../../src/base/errors.ts';
import { FailureTally } from '../../../src/cli/failure-tally.ts';

const usage = new StratumError('USAGE', 'wrong');
const unreachable = new StratumError('UNREACHABLE', 'away', { endpoint: 'x' });

describe('the exit code of a long list', () => {
  it.each([
    ['none failed', [], 3, undefined],
    ['some failed', [usage], 3, 10],
    ['all failed', [unreachable, usage], 0, 7],
  ] as const)('when %s', (_what, failures, succeeded, code) => {
    const tally = new FailureTally();
    for (const error of failures) tally.add(error);
    expect(tally.exitCode(succeeded)).toBe(code);
  });
});
