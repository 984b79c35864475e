import { describe, expect, it } from 'vitest';
import { StratumError } from '../../../src/base/errors.ts';
import { exitCodeOf, reportError } from '../../../src/cli/error-report.ts';

const error = new StratumError(
  'REPO_NOT_FOUND',
  'there is no\n  repository a/b',
  { kind: 'repo', id: 'a/b' },
  {
    hint: 'look for it with "stratum repo list"',
    cause: new Error('the deeper reason'),
  },
);

describe('a reported error', () => {
  it('is one line, and a second one with what to do', () => {
    expect(reportError(error, { json: false, debug: false })).toBe(
      'stratum: there is no; repository a/b\nhint: look for it with "stratum repo list"\n',
    );
  });

  it('shows stacks and causes only for debugging', () => {
    const text = reportError(error, { json: false, debug: true });
    expect(text).toMatch(/\n\s+at /);
    expect(text).toContain('the deeper reason');
  });

  it('is one line of JSON with the row of the error table', () => {
    const text = reportError(error, { json: true, debug: false });
    expect(text.trimEnd()).not.toContain('\n');
    expect(JSON.parse(text)).toEqual({
      kind: 'Error',
      code: 'REPO_NOT_FOUND',
      message: 'there is no; repository a/b',
      hint: 'look for it with "stratum repo list"',
      retryable: false,
      exitCode: 3,
    });
  });

  it('is a bug of ours when it is nothing that we know', () => {
    expect(JSON.parse(reportError(new TypeError('x is not a function'), { json: true, debug: false }))).toMatchObject({
      code: 'INTERNAL',
      exitCode: 1,
    });
  });
});

describe('the exit code', () => {
  it.each([
    ['USAGE', 2],
    ['UNREACHABLE', 7],
    ['VERSION_CONFLICT', 8],
    ['CONFIRMATION_REQUIRED', 9],
    ['WAIT_TIMEOUT', 124],
  ] as const)('of %s is %i', (code, exit) => {
    expect(exitCodeOf(new StratumError(code as 'INTERNAL', 'x'))).toBe(exit);
  });
});
