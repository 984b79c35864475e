import type { StratumError } from '../../../base/errors.ts';

/** What a primary knows of another replica of its partition. All of it belongs to one process of that node: a new one begins anew. */
export class MemberProgress {
  readonly nodeId: string;
  /** Generation of the process that answered last; undefined before. */
  generation: bigint | undefined;
  /** Up to where its log is known to equal the primary's, on its disk; undefined before it was asked. */
  matchIndex: bigint | undefined;
  /** The entry to send next: what is before it is there, or on its way. */
  nextIndex: bigint;
  /** It has been asked up to where its log is the primary's, and has not answered yet; until then there is no use in sending more. */
  isAsked = false;
  /** When the latest beacon that it has acknowledged was sent. */
  leaseFromMs = Number.NEGATIVE_INFINITY;
  /** When it last answered in this term, or the term's begin. */
  heardMs: number;
  /** Since when it has been behind without getting any further. */
  behindSinceMs: number;
  /** Nothing is sent to it before. */
  retryAtMs = 0;
  lastError: StratumError | undefined;

  constructor(nodeId: string, { nextIndex, nowMs }: { readonly nextIndex: bigint; readonly nowMs: number }) {
    this.nodeId = nodeId;
    this.nextIndex = nextIndex;
    this.heardMs = nowMs;
    this.behindSinceMs = nowMs;
  }

  /** Something came from a process of the node; what is known of an earlier one is forgotten. False for one that has been replaced. */
  answeredBy(generation: bigint, lastIndex: bigint): boolean {
    if (this.generation === generation) return true;
    if (this.generation !== undefined && generation < this.generation) return false;
    this.generation = generation;
    this.matchIndex = undefined;
    this.nextIndex = lastIndex + 1n;
    this.leaseFromMs = Number.NEGATIVE_INFINITY;
    this.isAsked = false;
    return true;
  }

  /** Its log equals the primary's up to `index`. */
  matched(index: bigint, nowMs: number): void {
    // Nothing counts as on its way before it is known where the logs part.
    if (this.matchIndex === undefined || this.nextIndex <= index) this.nextIndex = index + 1n;
    if (this.matchIndex === undefined || index > this.matchIndex) {
      this.matchIndex = index;
      this.behindSinceMs = nowMs;
    }
    this.isAsked = false;
  }

  /** What was on its way may be lost: it is sent again. */
  lost(): void {
    this.isAsked = false;
    if (this.matchIndex !== undefined) this.nextIndex = this.matchIndex + 1n;
  }

  /** It is to be sent what comes after `index`: its log goes no further, or differs behind it. */
  mismatched(index: bigint): void {
    // It counts for nothing until it has matched anew: what it acknowledged before may be gone.
    this.matchIndex = undefined;
    this.isAsked = false;
    this.nextIndex = index + 1n;
  }
}
