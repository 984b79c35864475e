import { describe, expect, it } from 'vitest';
import { hasCode, StratumError } from '../../../src/base/errors.ts';
import { CoordinatorEndpoints } from '../../../src/client/coordinator-endpoints.ts';

const unreachable = new StratumError('UNREACHABLE', 'refused', { endpoint: 'a' });
const notLeader = (leaderAddress: string) => new StratumError('NOT_LEADER', 'no', { leaderAddress });

describe('CoordinatorEndpoints', () => {
  it('refuses to be empty', () => {
    expect(() => new CoordinatorEndpoints([])).toThrow(
      expect.toSatisfy((error) => hasCode(error, 'INVALID_ARGUMENT') && error.details.field === 'coordinators'),
    );
  });

  it('goes round when the present one fails, and stays when another does', () => {
    const endpoints = new CoordinatorEndpoints(['a', 'b']);
    expect(endpoints.learn('b', unreachable)).toBe(false);
    expect(endpoints.any).toBe('a');
    endpoints.learn('a', unreachable);
    expect(endpoints.any).toBe('b');
    endpoints.learn('b', unreachable);
    expect(endpoints.any).toBe('a');
  });

  it('forgets a leader that fails', () => {
    const endpoints = new CoordinatorEndpoints(['a', 'b']);
    endpoints.leaderIs('c');
    endpoints.learn('a', unreachable);
    expect(endpoints.leader).toBe('c');
    endpoints.learn('c', unreachable);
    expect(endpoints.leader).toBeUndefined();
  });

  it.each([
    ['follows a hint', 'c', true, 'c'],
    ['does not follow a hint to the one that gave it', 'a', false, undefined],
    ['does not follow an empty hint', '', false, undefined],
  ])('%s', (_, hint, knowsBetter, leader) => {
    const endpoints = new CoordinatorEndpoints(['a', 'b']);
    endpoints.leaderIs('a');
    expect(endpoints.learn('a', notLeader(hint))).toBe(knowsBetter);
    expect(endpoints.leader).toBe(leader);
  });
});
