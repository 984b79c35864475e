import type { GetTopologyHistoryRequest, GetTopologyHistoryResponse } from '../../../rpc/gen/stratum/v1/coordinator.ts';
import type { UnaryHandler } from '../../../rpc/handlers.ts';
import { encodeUpdate } from '../../../rpc/topology-codec.ts';
import type { CoordinatorModules } from '../coordinator-modules.ts';

/** The most updates of one answer, so that it stays far below the size of a message (proto: limit). */
const pageMax = 200;

/** CoordinatorService.GetTopologyHistory. */
export function getTopologyHistory({
  consensus,
}: Pick<CoordinatorModules, 'consensus'>): UnaryHandler<GetTopologyHistoryRequest, GetTopologyHistoryResponse> {
  return async ({ sinceVersion, limit }) => {
    const { version } = consensus.current();
    const keptSinceVersion = keptSince(version, (since) => consensus.history(since) !== undefined);
    const isForgotten = sinceVersion < keptSinceVersion;
    const updates = consensus.history(isForgotten ? keptSinceVersion : sinceVersion) ?? [];
    const page = updates.slice(0, limit === 0 ? pageMax : Math.min(limit, pageMax));
    return { updates: page.map(encodeUpdate), version, keptSinceVersion };
  };
}

/** The lowest version that `reaches`; every version above one that does reaches as well. */
function keptSince(version: bigint, reaches: (sinceVersion: bigint) => boolean): bigint {
  let low = 0n;
  let high = version;
  while (low < high) {
    const middle = (low + high) / 2n;
    if (reaches(middle)) high = middle;
    else low = middle + 1n;
  }
  return low;
}
