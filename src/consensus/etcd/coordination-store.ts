/** A key as it is at one revision of the store. */
export interface StoredKey {
  readonly key: string;
  readonly value: Uint8Array;
  /** The store's revision at which the key came into being; another one after it was deleted and put again. */
  readonly createRevision: bigint;
  /** The store's revision of its last change. */
  readonly modRevision: bigint;
}

/** Keys from `start` on and below `end`; the one key `start` when there is no end. */
export interface KeyRange {
  readonly start: string;
  readonly end?: string;
}

/** What must hold for a commit: the key came into being at a revision (0: it is not there), or has a value. */
export type Guard =
  | { readonly key: string; readonly createRevision: bigint }
  | { readonly key: string; readonly value: Uint8Array };

/** One change of a commit; a put with a lease goes when the lease ends. */
export type Change =
  | { readonly put: string; readonly value: Uint8Array; readonly leaseId?: string }
  | { readonly delete: KeyRange };

/** What was found at one revision. */
export interface Found {
  readonly revision: bigint;
  /** In the order of the ranges that were asked for, and of the keys within each. */
  readonly keys: readonly StoredKey[];
}

/** The end of a commit that was answered. */
export interface Committed {
  /** False when a guard did not hold; nothing has changed then. */
  readonly succeeded: boolean;
  /** The store's revision afterwards; of the changes, when it succeeded. */
  readonly revision: bigint;
}

/** A change of a key: what it is now, or absent when it was deleted, at a revision. */
export interface KeyEvent {
  readonly name: string;
  readonly revision: bigint;
  readonly stored: StoredKey | undefined;
}

/** Changes of one or more revisions, all of each, in order. */
export interface WatchedChanges {
  readonly revision: bigint;
  readonly events: readonly KeyEvent[];
}

/** A member of the store's engine. */
export interface StoreMember {
  /** The engine's own id, hexadecimal. */
  readonly engineId: string;
  /** Empty when it has never started. */
  readonly name: string;
  /** host:port under which the other members reach it. */
  readonly peerAddress: string;
  readonly clientUrls: readonly string[];
}

/** One look at the engine. */
export interface StoreStatus {
  /** Empty when none is known. */
  readonly leaderEngineId: string;
  readonly raftTerm: bigint;
  readonly committedIndex: bigint;
  readonly appliedIndex: bigint;
  readonly members: readonly StoreMember[];
  /** What it refuses to work for, in its own words (NOSPACE). */
  readonly alarms: readonly string[];
  /** By engine id, for every endpoint that was asked: why it did not answer, or undefined when it did. */
  readonly answers: ReadonlyMap<string, string | undefined>;
}

/**
 * A store with revisions, leases and guarded transactions, as etcd has them. Reads and commits are
 * linearizable. Every call has a deadline; a failure is a StratumError, NO_QUORUM unless more is known
 * (DISK_FULL, CONFIG_INVALID for refused credentials), and after a failed commit nobody knows whether
 * it was done.
 */
export interface CoordinationStore {
  /** All ranges at one revision. */
  read(ranges: readonly KeyRange[]): Promise<Found>;
  /** All changes, or none when a guard does not hold. */
  commit(guards: readonly Guard[], changes: readonly Change[]): Promise<Committed>;
  /** Resolves with the id of a lease that ends when it is not renewed for `ttlMs` (rounded up to seconds). */
  grantLease(ttlMs: number): Promise<string>;
  /** False when the lease has ended. */
  renewLease(leaseId: string): Promise<boolean>;
  /** Ends a lease, and with it the keys that it holds. */
  revokeLease(leaseId: string): Promise<void>;
  /** Changes from a revision on, until the signal aborts; throws when the stream breaks or the revision is compacted away. */
  watch(fromRevision: bigint, signal: AbortSignal): AsyncIterable<WatchedChanges>;
  status(): Promise<StoreStatus>;
  addMember(peerAddress: string): Promise<void>;
  removeMember(engineId: string): Promise<void>;
  close(): void;
}
