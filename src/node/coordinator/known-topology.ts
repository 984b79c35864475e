import { hasCode } from '../../base/errors.ts';
import type { Consensus } from '../../consensus/consensus.ts';
import type { Topology } from '../../topology/topology.ts';

/** The committed topology of this coordinator; undefined before it has read one. */
export function knownTopology(consensus: Consensus): Topology | undefined {
  try {
    return consensus.current();
  } catch (error) {
    if (hasCode(error, 'NOT_READY')) return undefined;
    throw error;
  }
}
