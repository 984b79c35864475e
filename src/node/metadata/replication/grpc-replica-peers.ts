import type { Clock } from '../../../base/clock.ts';
import { StratumError } from '../../../base/errors.ts';
import { callServerStream, callUnary } from '../../../rpc/call.ts';
import type { ChannelPool } from '../../../rpc/channel-pool.ts';
import { type FetchSnapshotResponse, ReplicationServiceClient } from '../../../rpc/gen/stratum/v1/metadata.ts';
import type { TopologySource } from '../../../topology/topology.ts';
import type { ReplicaPeer, ReplicaPeers } from './replica-peer.ts';

/** Callers bound appends and beacons more tightly; this is for what they forget. */
const callTimeoutMs = 30_000;

/** A snapshot whose next message takes longer has stopped. */
const snapshotIdleMsMax = 10_000;

/** What the peers are called with. */
export interface GrpcReplicaPeersModules {
  readonly topology: TopologySource;
  readonly channels: ChannelPool;
  readonly clock: Clock;
}

/** The other metadata nodes over gRPC, at the addresses that the topology gives. */
export class GrpcReplicaPeers implements ReplicaPeers {
  readonly #modules: GrpcReplicaPeersModules;

  constructor(modules: GrpcReplicaPeersModules) {
    this.#modules = modules;
  }

  peer(nodeId: string): ReplicaPeer | undefined {
    const { topology, channels, clock } = this.#modules;
    const endpoint = topology.current()?.nodes.get(nodeId)?.address;
    if (endpoint === undefined) return undefined;
    const client = channels.client(ReplicationServiceClient, endpoint);
    const target = (method: string, signal: AbortSignal) => ({
      endpoint,
      method,
      timeoutMs: callTimeoutMs,
      clock,
      signal,
    });
    return {
      appendEntries: (request, signal) =>
        callUnary(client.appendEntries.bind(client), request, target('AppendEntries', signal)),
      beacon: (request, signal) => callUnary(client.beacon.bind(client), request, target('Beacon', signal)),
      fetchSnapshot: (request, signal) =>
        withoutSilence(clock, endpoint, signal, (within) => {
          const unbounded = { ...target('FetchSnapshot', within), timeoutMs: Infinity };
          return callServerStream(client.fetchSnapshot.bind(client), request, unbounded);
        }),
    };
  }
}

/** A whole partition may take as long as it likes, as long as it goes on. */
async function* withoutSilence(
  clock: Clock,
  endpoint: string,
  parent: AbortSignal,
  open: (signal: AbortSignal) => AsyncIterable<FetchSnapshotResponse>,
): AsyncIterable<FetchSnapshotResponse> {
  const silence = new AbortController();
  const watch = () =>
    clock.after(snapshotIdleMsMax, () => {
      const details = { endpoint, method: 'FetchSnapshot', timeoutMs: snapshotIdleMsMax };
      silence.abort(new StratumError('DEADLINE_EXCEEDED', `FetchSnapshot at ${endpoint} has stopped`, details));
    });
  let timer = watch();
  try {
    for await (const message of open(AbortSignal.any([parent, silence.signal]))) {
      timer.cancel();
      yield message;
      timer = watch();
    }
  } finally {
    timer.cancel();
  }
}
