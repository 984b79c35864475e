import pLimit, { type LimitFunction } from 'p-limit';
import type { Clock } from '../base/clock.ts';
import { asStratumError, explain, StratumError } from '../base/errors.ts';
import { type Oid, oidToBytes } from '../base/oid.ts';
import { type Placement, placementOf } from '../replication/placement.ts';
import { callUnary } from '../rpc/call.ts';
import type { ChannelPool } from '../rpc/channel-pool.ts';
import { encodeFence } from '../rpc/fence-codec.ts';
import { ObjectServiceClient } from '../rpc/gen/stratum/v1/object.ts';
import type { TopologySource } from '../topology/topology.ts';
import type { Unreachable } from './output/envelope.ts';
import { meansSilence, type SilentNodes } from './silent-nodes.ts';

/** What a deletion needs. */
export interface DeleteBlobsModules {
  readonly topology: TopologySource;
  readonly channels: ChannelPool;
  readonly clock: Clock;
  /** Nodes that are not asked, and those that turn out to be silent. */
  readonly silentNodes: SilentNodes;
  /** Shared by all deletions of a connection: a node that is asked for more at once would not answer in time. */
  readonly limit: LimitFunction;
}

/** How long a node may take, and until when to go on. */
export interface DeleteBlobsCall {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** Calls at once: those that come together share a commit. */
const callsMax = 256;

/** The limit for one connection. */
export function deletionLimit(): LimitFunction {
  return pLimit(callsMax);
}

/** Most that one node is waited for: what it would keep is harmless, and it is asked again by nobody. */
const nodeTimeoutMaxMs = 5_000;

/** The nodes compare with their own clocks, which may be ahead of this one. */
const clockSkewMs = 3_600_000;

/**
 * Deletes blobs at all of their own nodes. Gives the nodes that are away, were not asked or did not
 * answer, and so may keep theirs. When all calls have ended, rejects with the first failure of another
 * kind, or for a blob that was deleted nowhere.
 */
export async function deleteBlobs(
  oids: readonly Oid[],
  call: DeleteBlobsCall,
  modules: DeleteBlobsModules,
): Promise<readonly Unreachable[]> {
  const left = new Map<string, string>();
  const deleteOne = async (oid: Oid): Promise<void> => {
    const placement = placementOf(modules.topology, oid);
    const failures = await Promise.all(
      placement.nodeIds.map((nodeId) => modules.limit(() => deleteAt(nodeId, { oid, placement }, call, modules))),
    );
    for (const [index, nodeId] of placement.nodeIds.entries()) {
      const failure = failures[index];
      if (failure === undefined) continue;
      if (!meansSilence(failure)) throw failure;
      left.set(nodeId, `may keep blobs that were to be deleted: ${explain(failure)}`);
    }
    const isDeleted = failures.includes(undefined);
    if (!isDeleted && failures[0] !== undefined) throw failures[0];
  };
  const results = await Promise.allSettled(oids.map(deleteOne));
  call.signal?.throwIfAborted();
  const failed = results.find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
  return [...left].map(([node, reason]) => ({ node, reason }));
}

/** Deletes one copy; gives why it could not. */
async function deleteAt(
  nodeId: string,
  { oid, placement }: { readonly oid: Oid; readonly placement: Placement },
  call: DeleteBlobsCall,
  { channels, clock, silentNodes }: DeleteBlobsModules,
): Promise<StratumError | undefined> {
  const node = placement.topology.nodes.get(nodeId);
  if (node === undefined) return away(nodeId, '', 'is not registered');
  if (node.state === 'DOWN') return away(nodeId, node.address, 'is DOWN');
  const known = silentNodes.errorOf(nodeId);
  if (known !== undefined) return known;
  const endpoint = node.address;
  const fence = encodeFence({ term: placement.topology.term, ringEpoch: placement.ring.epoch });
  const storedBeforeMs = BigInt(Math.trunc(clock.nowMs() + clockSkewMs));
  const timeoutMs = Math.min(call.timeoutMs, nodeTimeoutMaxMs);
  const target = { endpoint, method: 'ObjectService.DeleteBlob', clock, timeoutMs, signal: call.signal };
  const client = channels.client(ObjectServiceClient, endpoint);
  try {
    await callUnary(client.deleteBlob.bind(client), { oid: oidToBytes(oid), fence, storedBeforeMs }, target);
    return undefined;
  } catch (error) {
    silentNodes.note(nodeId, error);
    return asStratumError(error);
  }
}

function away(nodeId: string, endpoint: string, what: string): StratumError {
  return new StratumError('UNREACHABLE', `${nodeId} ${what}`, { endpoint });
}
