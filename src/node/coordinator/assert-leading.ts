import { StratumError } from '../../base/errors.ts';
import type { Consensus } from '../../consensus/consensus.ts';

/** NOT_LEADER with the leader's id and address unless this coordinator leads; NO_LEADER when nobody is known to. */
export function assertLeading(consensus: Consensus): void {
  const { isLeader, leaderId, leaderAddress } = consensus.leadership();
  if (isLeader) return;
  if (leaderId === undefined) {
    throw new StratumError('NO_LEADER', 'no coordinator leads at the moment', { what: 'the coordinators' });
  }
  const details = { leaderId, ...(leaderAddress === undefined ? {} : { leaderAddress }) };
  throw new StratumError('NOT_LEADER', `this coordinator does not lead: ${leaderId} does`, details);
}
