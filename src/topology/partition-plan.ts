import type { Mark } from './mark-limit.ts';
import type { Partition } from './topology.ts';

/** What a planned change is for. */
export type PlanStep = 'failover' | 'handover' | 'add-replica' | 'remove-replica' | 'balance';

/** One change of one partition. */
export interface PlannedChange {
  readonly step: PlanStep;
  /** As it should be; its epoch is the one that the decision was based on. Nobody joins the in-sync set by it. */
  readonly partition: Partition;
  /** Why, for people. */
  readonly reason: string;
}

/** A partition that is not as it should be, and why nothing is done about it now. */
export interface Deferred {
  /** What it waits for. */
  readonly step: PlanStep;
  readonly partition: number;
  readonly reason: string;
}

/** What to do now, at most one change for each partition, and what has to wait. */
export interface PartitionPlan {
  /** In this order: the most urgent first. */
  readonly changes: readonly PlannedChange[];
  /** By partition. */
  readonly deferred: readonly Deferred[];
  /** The nodes that were deposed on reports alone, this plan's among them: for the next plan, when this one is carried out. */
  readonly deposed: readonly Mark[];
}
