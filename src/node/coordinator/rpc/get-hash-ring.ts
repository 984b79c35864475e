import type { GetHashRingRequest, GetHashRingResponse, RingEntry } from '../../../rpc/gen/stratum/v1/coordinator.ts';
import type { UnaryHandler } from '../../../rpc/handlers.ts';
import { HashRing } from '../../../topology/hash-ring.ts';
import type { Ring } from '../../../topology/topology.ts';
import type { CoordinatorModules } from '../coordinator-modules.ts';

/** A ring of a thousand nodes has a hundred thousand entries: they are listed once for each ring. */
const entriesByRing = new WeakMap<Ring, RingEntry[]>();

/** CoordinatorService.GetHashRing. */
export function getHashRing({
  consensus,
}: Pick<CoordinatorModules, 'consensus'>): UnaryHandler<GetHashRingRequest, GetHashRingResponse> {
  return async () => {
    const { ring, version } = consensus.current();
    return { entries: entriesOf(ring), replicationFactor: ring.replicationFactor, ringEpoch: ring.epoch, version };
  };
}

function entriesOf(ring: Ring): RingEntry[] {
  const known = entriesByRing.get(ring);
  if (known !== undefined) return known;
  const entries = [...HashRing.of(ring).entries()];
  entriesByRing.set(ring, entries);
  return entries;
}
