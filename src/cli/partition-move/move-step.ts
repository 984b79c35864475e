import { StratumError } from '../../base/errors.ts';
import { inSyncFloor } from '../../topology/in-sync-floor.ts';
import type { Node, Partition, Topology } from '../../topology/topology.ts';
import { servesByState } from '../quorum-statistics.ts';
import { unknownNode } from '../unknown-node.ts';

/** What an operator wants of a partition. */
export interface MoveWish {
  /** Who is to be its primary. */
  readonly targetId: string;
  /** Who is to be no replica any more afterwards; undefined: nobody leaves. */
  readonly leavingId: string | undefined;
  /** The replicas that there were at the beginning: all but the one that leaves stay. */
  readonly replicas: readonly string[];
  /** Make a node the primary that is not in sync, or without the in-sync replicas that are gone. */
  readonly acceptDataLoss: boolean;
}

/** The next thing to do about a move. */
export type MoveStep =
  | { readonly kind: 'done' }
  | {
      readonly kind: 'change';
      /** The partition as it should be; its epoch is the one that this was decided from. */
      readonly partition: Partition;
      /** The nodes that this adds to the in-sync set. */
      readonly joins: readonly string[];
      /** For people: "make metadata-2 the primary". */
      readonly text: string;
    }
  | { readonly kind: 'wait'; readonly text: string };

/**
 * Refuses what cannot become the primary: NODE_NOT_FOUND, INVALID_ARGUMENT for a node of another role, UNSAFE for one
 * that is not there or is to leave, NOT_READY for a partition that was never assigned.
 */
export function assertMovable(topology: Topology, { id, primaryId, inSync }: Partition, wish: MoveWish): void {
  const { targetId } = wish;
  if (primaryId === '') {
    throw new StratumError('NOT_READY', `partition ${id} is not assigned yet`, { what: `partition ${id}` });
  }
  const node = topology.nodes.get(targetId);
  if (node === undefined) throw unknownNode(targetId, metadataNodes(topology), 'metadata node');
  if (!node.roles.includes('metadata')) {
    const details = { field: '--to', reason: `${targetId} has no role metadata`, expected: 'a metadata node' };
    throw new StratumError('INVALID_ARGUMENT', `--to: ${details.reason}`, details, {
      hint: `metadata nodes: ${metadataNodes(topology).join(', ')}`,
    });
  }
  if (primaryId !== targetId) assertCanLead(node);
  if (!wish.acceptDataLoss || inSync.includes(targetId)) return;
  const safe = inSync.filter(servesByState(topology));
  if (safe.length === 0) return;
  const there = safe.length === 1 ? `${safe[0]} is` : `${safe.join(' and ')} are`;
  const message = `${there} in sync and there: to make ${targetId} the primary of partition ${id} would lose pushes for nothing`;
  throw unsafe(message, `--to ${safe[0]} loses none`);
}

function assertCanLead({ id, state, intent }: Node): void {
  if (intent !== 'SERVE') throw unsafe(`${id} is to leave (${intent}) and takes no new primaries`, 'name another node');
  if (state === 'ACTIVE' || state === 'SUSPECT') return;
  throw unsafe(`${id} is ${state} and cannot be a primary`, 'wait until it is ACTIVE, or name another node');
}

/** What is to be done next so that the wish comes true; the same partition and topology have the same answer. */
export function nextStep(partition: Partition, topology: Topology, wish: MoveWish): MoveStep {
  const { primaryId, inSync, replicas } = partition;
  const { targetId } = wish;
  if (wish.acceptDataLoss) return forcedStep(partition, topology, targetId);
  if (primaryId === targetId) return leavingStep(partition, topology, wish);
  if (inSync.includes(targetId)) {
    return change({ ...partition, primaryId: targetId }, [], `make ${targetId} the primary in place of ${primaryId}`);
  }
  if (!replicas.includes(targetId)) {
    return change({ ...partition, replicas: [...replicas, targetId] }, [], `make ${targetId} a replica`);
  }
  return { kind: 'wait', text: `wait until ${primaryId} finds that ${targetId} has caught up` };
}

/** Primary and in-sync set in one change: who is gone is not waited for any more. */
function forcedStep(partition: Partition, topology: Topology, targetId: string): MoveStep {
  const { primaryId, inSync, replicas } = partition;
  const isKept = inSync.includes(targetId);
  const others = isKept ? inSync.filter((id) => id !== targetId).filter(servesByState(topology)) : [];
  if (primaryId === targetId && inSync.length === others.length + 1) return { kind: 'done' };
  const next = {
    ...partition,
    primaryId: targetId,
    inSync: [targetId, ...others],
    replicas: replicas.includes(targetId) ? replicas : [...replicas, targetId],
  };
  const gone = inSync.filter((id) => !next.inSync.includes(id));
  const without = gone.length === 0 ? '' : `, without waiting for ${gone.join(', ')}`;
  return change(next, isKept ? [] : [targetId], `make ${targetId} the primary${without}`);
}

/**
 * When the target is in sync there is one replica too many, and the coordinator may have taken out another one than that
 * which is to leave: it comes back in the same change, or the coordinator would add the very one that has left.
 */
function leavingStep(partition: Partition, topology: Topology, wish: MoveWish): MoveStep {
  const { leavingId } = wish;
  const { primaryId, inSync, replicas } = partition;
  if (leavingId === undefined || leavingId === primaryId || !replicas.includes(leavingId)) return { kind: 'done' };
  const left = inSync.filter((id) => id !== leavingId);
  if (left.length < inSync.length && left.length < inSyncFloor(topology)) {
    return { kind: 'wait', text: `wait until another replica is in sync, so that ${leavingId} can leave` };
  }
  const serves = servesByState(topology);
  const stay = replicas.filter((id) => id !== leavingId);
  const back = wish.replicas
    .filter((id) => id !== leavingId && !replicas.includes(id) && serves(id) && isToServe(topology, id))
    .slice(0, Math.max(0, wish.replicas.length - stay.length));
  const next = { ...partition, inSync: left, replicas: [...stay, ...back] };
  const again = back.length === 0 ? '' : `, and ${back.join(', ')} in again`;
  return change(next, [], `take ${leavingId} out of the replicas${again}`);
}

function isToServe({ nodes }: Topology, nodeId: string): boolean {
  return nodes.get(nodeId)?.intent === 'SERVE';
}

function change(partition: Partition, joins: readonly string[], text: string): MoveStep {
  return { kind: 'change', partition, joins, text };
}

function metadataNodes({ nodes }: Topology): string[] {
  return [...nodes.values()].filter(({ roles }) => roles.includes('metadata')).map(({ id }) => id);
}

function unsafe(message: string, hint: string): StratumError {
  return new StratumError('UNSAFE', message, undefined, { hint });
}
