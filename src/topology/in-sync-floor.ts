import type { Topology } from './topology.ts';

/** With two members each acknowledged push is on two disks: the loss of one loses nothing. */
const membersMin = 2;

/**
 * Below how many members an in-sync set does not shrink once it has had them. Two, where the cluster places that many
 * replicas and has that many metadata nodes that are to serve: a node that is DOWN counts, so that no failure lowers
 * the floor; one that its operator drains does not, so that a drain to the last node comes to its end.
 */
export function inSyncFloor({ nodes, settings }: Topology): number {
  let serving = 0;
  for (const { roles, intent, state } of nodes.values()) {
    if (roles.includes('metadata') && intent === 'SERVE' && state !== 'JOINING') serving += 1;
  }
  return Math.max(1, Math.min(membersMin, settings.metadataReplicas, serving));
}

/** Whether a set of `count` members may lose one. */
export function mayShrink(count: number, floor: number): boolean {
  return count - 1 >= floor;
}
