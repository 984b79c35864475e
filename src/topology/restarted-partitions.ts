import { StratumError } from '../base/errors.ts';
import { inSyncFloor, mayShrink } from './in-sync-floor.ts';
import type { NodeLoads } from './node-loads.ts';
import { choosePrimary, primaryLoads } from './primary-choice.ts';
import type { Node, Partition, Topology } from './topology.ts';

/** What a node's new process has of the one before. */
export interface Inheritance {
  /** Its data folder is another one: it has nothing. */
  readonly hasNewDisk: boolean;
  /** The process before ended in order. */
  readonly afterCleanStop: boolean;
}

/** What a restart does to the partitions of the node. */
export interface RestartedPartitions {
  readonly partitions: readonly Partition[];
  /** For people; empty when nothing happens. */
  readonly notes: readonly string[];
}

/**
 * The partitions of a node that comes back as a new process.
 *
 * - Where it was the primary, the epoch is raised in the same update, so that no change of the in-sync set that the
 *   old process had in flight can land (KAFKA-12686). An ACTIVE in-sync replica takes over, if there is one.
 * - After an unclean stop it leaves the in-sync sets, until its primary has seen it to have caught up. Where too few
 *   would be left it stays: what it has acknowledged it had put on disk (fsync) before.
 * - With another disk it has nothing, so it leaves them all, and catches up from nothing. UNSAFE where too few would be left.
 */
export function restartedPartitions(topology: Topology, nodeId: string, inherits: Inheritance): RestartedPartitions {
  const loads = primaryLoads(topology);
  const floor = inSyncFloor(topology);
  const changed: Partition[] = [];
  let [handedOver, left, kept] = [0, 0, 0];
  for (const partition of topology.partitions) {
    if (!partition.inSync.includes(nodeId)) continue;
    const next = restarted(partition, nodeId, { ...inherits, floor, loads, nodes: topology.nodes });
    if (partition.primaryId !== next.primaryId) handedOver += 1;
    if (!next.inSync.includes(nodeId)) left += 1;
    else if (!inherits.afterCleanStop) kept += 1;
    if (partition.primaryId === nodeId || next.inSync.length < partition.inSync.length) {
      changed.push({ ...next, epoch: partition.epoch + 1n });
    }
  }
  const notes = [
    ...(handedOver > 0 ? [`${counted(handedOver)} handed over`] : []),
    ...(left > 0 ? [`left the in-sync set of ${counted(left)} after ${causeOf(inherits)}`] : []),
    ...(kept > 0 ? [`stays in the in-sync set of ${counted(kept)}, which would have too few members`] : []),
  ];
  return { partitions: changed, notes };
}

interface Circumstances extends Inheritance {
  readonly floor: number;
  readonly loads: NodeLoads;
  readonly nodes: Topology['nodes'];
}

function restarted(partition: Partition, nodeId: string, given: Circumstances): Partition {
  const { hasNewDisk, afterCleanStop, floor, loads, nodes } = given;
  const others = partition.inSync.filter((id) => id !== nodeId);
  const canLeave = mayShrink(partition.inSync.length, floor) && others.length > 0;
  if (hasNewDisk && !canLeave) throw diskMissing(partition, nodeId);
  const ready = others.filter((id) => nodes.get(id)?.state === 'ACTIVE');
  const candidates = ready.length > 0 || !hasNewDisk ? ready : awaited(others, nodes);
  const successor = partition.primaryId === nodeId ? choosePrimary(partition.id, candidates, loads) : undefined;
  if (successor !== undefined) {
    loads.add(nodeId, -1);
    loads.add(successor);
  }
  const primaryId = successor ?? partition.primaryId;
  const leaves = hasNewDisk || (!afterCleanStop && canLeave && primaryId !== nodeId);
  return { ...partition, primaryId, inSync: leaves ? others : partition.inSync };
}

/** Nobody can take over at once: those who are likelier to be back soon. */
function awaited(others: readonly string[], nodes: ReadonlyMap<string, Node>): readonly string[] {
  const alive = others.filter((id) => nodes.get(id)?.state !== 'DOWN');
  return alive.length > 0 ? alive : others;
}

function causeOf({ hasNewDisk }: Inheritance): string {
  return hasNewDisk ? 'the loss of its disk' : 'an unclean stop';
}

function counted(count: number): string {
  return `${count} partition${count === 1 ? '' : 's'}`;
}

function diskMissing({ id, inSync }: Partition, nodeId: string): StratumError {
  const message = `${nodeId} registers with another disk, and is one of ${inSync.length} in the in-sync set of partition ${id}`;
  return new StratumError('UNSAFE', message, undefined, {
    hint: 'its data folder was wiped or replaced, or another machine uses its name; bring the old folder back, or wait until other replicas are in sync',
  });
}
