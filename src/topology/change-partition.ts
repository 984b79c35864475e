import { StratumError } from '../base/errors.ts';
import { auditOf, type Change } from './change.ts';
import type { ChangePartition } from './commands.ts';
import { inSyncFloor } from './in-sync-floor.ts';
import { invalidArgument } from './invalid-argument.ts';
import { nodeNotFound } from './node-not-found.ts';
import { zombie } from './register-node.ts';
import type { Node, Partition, Topology } from './topology.ts';

/**
 * What a change of a partition's primary, in-sync set or replicas leads to: the partition as asked
 * for, with the next epoch; undefined when it is so already. NOT_FOUND for an unknown partition,
 * VERSION_CONFLICT when it has changed since the decision, INVALID_ARGUMENT for sets that do not fit
 * together, NODE_NOT_FOUND for an unknown member, ZOMBIE_NODE when the process that had caught up is
 * gone, UNSAFE when acknowledged pushes could be lost, unless the operator accepts that: then any member may be the
 * primary, and any set in sync, of processes that are alive. A partition that was never assigned holds
 * nothing that could be lost: it goes to any metadata nodes that have been ready.
 */
export function partitionChange(topology: Topology, command: ChangePartition): Change | undefined {
  const wanted = command.partition;
  const current = topology.partitions.find(({ id }) => id === wanted.id);
  if (current === undefined) throw partitionNotFound(wanted.id);
  assertEpoch(current, wanted);
  assertFits(wanted);
  if (isSame(current, wanted) && !(command.raiseEpoch && current.epoch > 0n)) return undefined;
  assertMetadataNodes(topology, current, wanted);
  if (current.epoch > 0n) {
    if (!command.acceptDataLoss) assertNothingLost(topology, current, wanted);
    assertCaughtUp(topology, current, command);
  }
  const { id, primaryId, inSync, replicas } = wanted;
  const next: Partition = { id, epoch: current.epoch + 1n, primaryId, inSync: [...inSync], replicas: [...replicas] };
  const sets = `primary ${primaryId}, in sync ${inSync.join(' ')}, replicas ${replicas.join(' ')}`;
  return { reason: `partition ${id} epoch ${next.epoch}: ${sets}`, partitions: [next], audit: auditOf(command) };
}

function partitionNotFound(id: number): StratumError {
  return new StratumError('NOT_FOUND', `there is no partition ${id}`, { kind: 'partition', id: String(id) });
}

function assertEpoch(current: Partition, { id, epoch }: Partition): void {
  if (epoch === current.epoch) return;
  const details = { what: `epoch of partition ${id}`, expected: String(epoch), current: String(current.epoch) };
  throw new StratumError('VERSION_CONFLICT', `partition ${id} is at epoch ${current.epoch}, not ${epoch}`, details);
}

/** The primary is in sync, and whoever is in sync is a replica; nobody twice. */
function assertFits({ primaryId, inSync, replicas }: Partition): void {
  if (new Set(replicas).size !== replicas.length) {
    throw invalidArgument('partition.replicas', 'a node twice', 'each replica once');
  }
  if (new Set(inSync).size !== inSync.length) {
    throw invalidArgument('partition.in_sync', 'a node twice', 'each node once');
  }
  const stranger = inSync.find((nodeId) => !replicas.includes(nodeId));
  if (stranger !== undefined) {
    throw invalidArgument('partition.in_sync', `with ${stranger}, which is no replica`, 'replicas alone');
  }
  if (!inSync.includes(primaryId)) {
    throw invalidArgument('partition.primary_id', primaryId || 'empty', 'a node of in_sync');
  }
}

/** The sets alone count, not the order in which they are written. */
function isSame(left: Partition, right: Partition): boolean {
  return (
    left.primaryId === right.primaryId && sameSet(left.inSync, right.inSync) && sameSet(left.replicas, right.replicas)
  );
}

function sameSet(left: readonly string[], right: readonly string[]): boolean {
  return left.length === right.length && left.every((nodeId) => right.includes(nodeId));
}

/** A node that never was ready may still be removed by its timeout, so nothing is placed on it. */
function assertMetadataNodes(topology: Topology, current: Partition, { replicas }: Partition): void {
  for (const nodeId of replicas) {
    const node = registered(topology, nodeId);
    if (!node.roles.includes('metadata')) {
      throw invalidArgument('partition.replicas', `with ${nodeId}, which has no role metadata`, 'metadata nodes');
    }
    if (node.state === 'JOINING' && !current.replicas.includes(nodeId)) {
      throw unsafe(`${nodeId} is JOINING and has not been ready yet`, 'wait until it is ACTIVE');
    }
  }
}

/** What was acknowledged is at every member of the in-sync set, and for certain nowhere else. */
function assertNothingLost(topology: Topology, current: Partition, { id, primaryId, inSync }: Partition): void {
  const members = current.inSync.join(', ');
  if (!inSync.some((nodeId) => current.inSync.includes(nodeId))) {
    throw unsafe(`partition ${id} would keep no member of its in-sync set (${members})`, 'keep one of them');
  }
  if (!current.inSync.includes(primaryId)) {
    const hint = 'let it catch up and join the in-sync set first, or name another primary';
    throw unsafe(`${primaryId} is not in the in-sync set of partition ${id} (${members})`, hint);
  }
  const floor = inSyncFloor(topology);
  if (inSync.length < current.inSync.length && inSync.length < floor) {
    const message = `partition ${id} would keep ${inSync.length} of its ${current.inSync.length} members in sync, and has to keep ${floor}`;
    throw unsafe(message, 'let another replica join the in-sync set in the same change');
  }
}

/**
 * Whoever joins the in-sync set is the very process that was seen to have caught up: it may have
 * come back since with an empty disk (KIP-903). A generation that is named for a member is held
 * against it too, for it tells what the decision was based on.
 */
function assertCaughtUp(topology: Topology, current: Partition, { partition, generations }: ChangePartition): void {
  for (const nodeId of partition.inSync) {
    const node = registered(topology, nodeId);
    const generation = generations.get(nodeId);
    const isNew = !current.inSync.includes(nodeId);
    if (isNew && generation === undefined) {
      throw invalidArgument('generations', `without ${nodeId}`, 'the generation of every node that joins in_sync');
    }
    if (generation !== undefined && generation !== node.generationId) throw zombie(node, generation);
    if (isNew && node.state === 'DOWN') {
      throw unsafe(
        `${nodeId} is DOWN and cannot join the in-sync set of partition ${partition.id}`,
        'wait until it is back',
      );
    }
  }
}

function registered({ nodes }: Topology, nodeId: string): Node {
  const node = nodes.get(nodeId);
  if (node === undefined) throw nodeNotFound(nodeId);
  return node;
}

function unsafe(message: string, hint: string): StratumError {
  return new StratumError('UNSAFE', message, undefined, { hint });
}
