import { describe, expect, it } from 'vitest';
import { errorCodes, isErrorCode } from '../../../src/base/error-codes.ts';
import { asStratumError, assert, explain, hasCode, StratumError, systemCode } from '../../../src/base/errors.ts';

describe('the error table', () => {
  it('gives every code an exit code of the contract', () => {
    const allowed = new Set([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 124, 130, 143]);
    for (const [code, row] of Object.entries(errorCodes)) expect(allowed, code).toContain(row.exit);
  });

  it('tells codes of the table from other strings', () => {
    expect(isErrorCode('NOT_LEADER')).toBe(true);
    expect(isErrorCode('toString')).toBe(false);
    expect(isErrorCode('not_leader')).toBe(false);
  });
});

describe('StratumError', () => {
  it('keeps code, details, hint and cause', () => {
    const cause = new Error('disk on fire');
    const details = { field: 'node.id', reason: 'empty' };
    const error = new StratumError('INVALID_ARGUMENT', 'node.id is empty', details, { hint: 'give one', cause });
    expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', message: 'node.id is empty', details, hint: 'give one' });
    expect(error.cause).toBe(cause);
    expect(error.row.exit).toBe(2);
    expect(hasCode(error, 'INVALID_ARGUMENT')).toBe(true);
    expect(hasCode(error, 'NOT_FOUND')).toBe(false);
    expect(hasCode(cause, 'INVALID_ARGUMENT')).toBe(false);
  });

  it.each([
    ['an error of another class', new TypeError('x is not a function'), 'x is not a function'],
    ['a thrown string', 'boom', 'boom'],
    ['null', null, 'null'],
  ])('wraps %s as INTERNAL', (_what, thrown, message) => {
    expect(asStratumError(thrown)).toMatchObject({ code: 'INTERNAL', message, cause: thrown });
  });

  it('is not wrapped twice', () => {
    const error = new StratumError('SHUTTING_DOWN', 'bye');
    expect(asStratumError(error)).toBe(error);
  });
});

describe('explain', () => {
  it('joins the messages of a chain of causes and repeats none', () => {
    const root = new Error('ECONNREFUSED');
    const middle = new Error('connect failed: ECONNREFUSED', { cause: root });
    const outer = new StratumError('SHUTTING_DOWN', 'cannot register', undefined, { cause: middle });
    expect(explain(outer)).toBe('cannot register: connect failed: ECONNREFUSED');
  });
});

describe('systemCode', () => {
  it('reads the code of a system error and nothing else', () => {
    expect(systemCode(Object.assign(new Error('x'), { code: 'ENOSPC' }))).toBe('ENOSPC');
    expect(systemCode(Object.assign(new Error('x'), { code: 5 }))).toBeUndefined();
    expect(systemCode('ENOSPC')).toBeUndefined();
  });
});

describe('assert', () => {
  it('throws INTERNAL for a condition that does not hold', () => {
    expect(() => assert(false, 'versions have no gap')).toThrow(expect.objectContaining({ code: 'INTERNAL' }));
    expect(() => assert(true, 'fine')).not.toThrow();
  });
});
