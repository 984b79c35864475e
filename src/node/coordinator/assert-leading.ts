import type { Consensus } from '../../consensus/consensus.ts';
import { notLeading } from '../../consensus/not-leading.ts';

/** NOT_LEADER with the leader's id and address unless this coordinator leads; NO_LEADER when nobody is known to. */
export function assertLeading(consensus: Consensus): void {
  const leadership = consensus.leadership();
  if (!leadership.isLeader) throw notLeading(leadership);
}
