import { StratumError } from '../base/errors.ts';
import type { Leadership } from './consensus.ts';

/** The answer of a coordinator that does not lead: NOT_LEADER with the leader's id and address, or NO_LEADER when nobody is known to lead. */
export function notLeading({ leaderId, leaderAddress }: Omit<Leadership, 'isLeader' | 'term'>): StratumError {
  if (leaderId === undefined) {
    return new StratumError('NO_LEADER', 'no coordinator leads at the moment', { what: 'the coordinators' });
  }
  const details = { leaderId, ...(leaderAddress === undefined ? {} : { leaderAddress }) };
  return new StratumError('NOT_LEADER', `this coordinator does not lead: ${leaderId} does`, details);
}
