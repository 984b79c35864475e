import { StratumError } from '../../../base/errors.ts';
import type { WatchTopologyRequest, WatchTopologyResponse } from '../../../rpc/gen/stratum/v1/coordinator.ts';
import type { ServerStreamHandler } from '../../../rpc/handlers.ts';
import { encodeTopology, encodeUpdate } from '../../../rpc/topology-codec.ts';
import type { Topology, TopologyUpdate } from '../../../topology/topology.ts';
import type { CoordinatorModules } from '../coordinator-modules.ts';
import { WatchQueue, watchQueueMax } from '../watch-queue.ts';

/** Half of what the contract promises (at least every 10 s), so that a late timer still keeps it. */
const keepaliveIntervalMs = 5_000;

/** CoordinatorService.WatchTopology. */
export function watchTopology({
  consensus,
  clock,
  stopping,
}: CoordinatorModules): ServerStreamHandler<WatchTopologyRequest, WatchTopologyResponse> {
  return async function* ({ sinceVersion }, { signal }) {
    const ended = AbortSignal.any([signal, stopping]);
    const queue = new WatchQueue({ updatesMax: watchQueueMax }, { clock });
    // Subscribing and reading the start happen in one synchronous step, so that no update falls between.
    const start = startOf(consensus.current(), consensus.history(sinceVersion), sinceVersion);
    const unsubscribe = consensus.subscribe((update) => queue.push(update));
    try {
      yield* start;
      while (!ended.aborted) {
        const item = await queue.take(keepaliveIntervalMs, ended);
        if (ended.aborted) break;
        if (item.kind === 'update') yield update(item.update);
        else if (item.kind === 'idle') yield keepalive(consensus.current());
        else {
          yield { event: { $case: 'lagged', value: { dropped: BigInt(item.dropped) } } };
          queue.reset();
          yield fullSync(consensus.current());
        }
      }
    } finally {
      unsubscribe();
    }
    // The caller's own end needs no answer; the coordinator's sends the caller to another one.
    if (!signal.aborted) throw stopping.reason;
  };
}

function startOf(
  topology: Topology,
  missed: readonly TopologyUpdate[] | undefined,
  sinceVersion: bigint,
): readonly WatchTopologyResponse[] {
  if (sinceVersion > topology.version) {
    const details = {
      field: 'since_version',
      reason: `${sinceVersion} is above the current version`,
      expected: `at most ${topology.version}, or 0 for a full sync`,
    };
    throw new StratumError('INVALID_ARGUMENT', `since_version ${sinceVersion} is above ${topology.version}`, details);
  }
  if (sinceVersion === 0n || missed === undefined) return [fullSync(topology)];
  // A reader that is up to date learns so at once.
  return missed.length === 0 ? [keepalive(topology)] : missed.map(update);
}

function update(value: TopologyUpdate): WatchTopologyResponse {
  return { event: { $case: 'update', value: encodeUpdate(value) } };
}

function fullSync(topology: Topology): WatchTopologyResponse {
  return { event: { $case: 'fullSync', value: encodeTopology(topology) } };
}

function keepalive({ version }: Topology): WatchTopologyResponse {
  return { event: { $case: 'keepalive', value: { version } } };
}
