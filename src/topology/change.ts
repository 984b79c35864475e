import type { Requester } from './commands.ts';
import type { Audit, ClusterSettings, Node, Partition, Ring } from './topology.ts';

/** What one command changes by itself; absent parts stay. The reducer makes an update of it. */
export interface Change {
  /** In a few words, for people. */
  readonly reason: string;
  /** Nodes that are new or differ. */
  readonly nodes?: readonly Node[];
  readonly removedId?: string;
  readonly ring?: Ring;
  readonly partitions?: readonly Partition[];
  readonly settings?: ClusterSettings;
  /** Who asked for it; absent when the cluster itself did. */
  readonly audit?: Audit;
}

/** The record of who asked for a command, why, and when it was taken. */
export function auditOf({ by, atMs }: { readonly by: Requester; readonly atMs: number }): Audit {
  return { actor: by.actor, reason: by.reason, atMs };
}
