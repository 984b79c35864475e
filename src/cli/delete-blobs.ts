import pLimit from 'p-limit';
import type { Clock } from '../base/clock.ts';
import { type Oid, oidToBytes } from '../base/oid.ts';
import { placementOf } from '../replication/placement.ts';
import { callUnary } from '../rpc/call.ts';
import type { ChannelPool } from '../rpc/channel-pool.ts';
import { ObjectServiceClient } from '../rpc/gen/stratum/v1/object.ts';
import type { TopologySource } from '../topology/topology.ts';

/** What a deletion needs. */
export interface DeleteBlobsModules {
  readonly topology: TopologySource;
  readonly channels: ChannelPool;
  readonly clock: Clock;
}

/** Calls at once: those that come together share a commit. */
const callsMax = 256;

/** The nodes compare with their own clocks, which may be ahead of this one. */
const clockSkewMs = 3_600_000;

/** Deletes blobs at all of their own nodes that are registered; rejects with the first failure when all calls have ended. */
export async function deleteBlobs(
  oids: readonly Oid[],
  call: { readonly timeoutMs: number; readonly signal?: AbortSignal },
  { topology, channels, clock }: DeleteBlobsModules,
): Promise<void> {
  const limit = pLimit(callsMax);
  const storedBeforeMs = BigInt(Math.trunc(clock.nowMs() + clockSkewMs));
  const results = await Promise.allSettled(
    oids.flatMap((oid) => {
      const placement = placementOf(topology, oid);
      const fence = { term: placement.topology.term, ringEpoch: placement.ring.epoch };
      return placement.nodeIds.map((nodeId) =>
        limit(async () => {
          const endpoint = placement.topology.nodes.get(nodeId)?.address;
          if (endpoint === undefined) return;
          const client = channels.client(ObjectServiceClient, endpoint);
          const target = { ...call, endpoint, method: 'ObjectService.DeleteBlob', clock };
          await callUnary(client.deleteBlob.bind(client), { oid: oidToBytes(oid), fence, storedBeforeMs }, target);
        }),
      );
    }),
  );
  const failed = results.find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}
