import { StratumError } from '../../src/base/errors.ts';
import type {
  Change,
  Committed,
  Found,
  Guard,
  KeyEvent,
  KeyRange,
  StoredKey,
  WatchedChanges,
} from '../../src/consensus/etcd/coordination-store.ts';
import type { SimEvent, SimWorld } from './sim-world.ts';

interface Entry extends StoredKey {
  readonly leaseId: string | undefined;
}

interface Lease {
  readonly ttlMs: number;
  untilMs: number;
  timer: SimEvent | undefined;
}

/** A change that was made, for whoever checks it: `before` gives keys as they were. */
export interface AppliedCommit {
  /** Who asked for it; "the store" for the end of a lease. */
  readonly source: string;
  readonly revision: bigint;
  readonly events: readonly KeyEvent[];
  readonly before: (key: string) => StoredKey | undefined;
}

interface Watcher {
  readonly start: string;
  readonly end: string;
  readonly send: (changes: WatchedChanges) => void;
}

/** How a broken store differs from a right one. */
export interface SimStoreFaults {
  /** Guards that it does not look at. */
  readonly ignores?: (guard: Guard) => boolean;
}

/**
 * An etcd cluster as its clients see it, without links: revisions, leases by its own time, guarded
 * transactions, watches from any revision that is not compacted. While it has no leader of its own
 * nothing is done, and no lease ends; with a new leader every lease begins its whole time again.
 */
export class SimStoreServer {
  /** Told of everything that changes, before anybody else is. */
  onApplied: (commit: AppliedCommit) => void = () => undefined;
  readonly #world: SimWorld;
  readonly #ignores: (guard: Guard) => boolean;
  readonly #keys = new Map<string, Entry>();
  readonly #leases = new Map<string, Lease>();
  readonly #watchers = new Set<Watcher>();
  #history: { readonly revision: bigint; readonly events: readonly KeyEvent[] }[] = [];
  #revision = 1n;
  #compacted = 0n;
  #nextLease = 7_000;
  #isServing = true;
  #waiting: (() => void)[] = [];

  constructor(faults: SimStoreFaults, modules: { readonly world: SimWorld }) {
    this.#world = modules.world;
    this.#ignores = faults.ignores ?? (() => false);
  }

  get revision(): bigint {
    return this.#revision;
  }

  get isServing(): boolean {
    return this.#isServing;
  }

  key(name: string): StoredKey | undefined {
    return this.#keys.get(name);
  }

  /** Does it now; during an election afterwards, or never. */
  serve(work: () => void): void {
    if (this.#isServing) work();
    else if (this.#world.random.chance(0.5)) this.#waiting.push(work);
  }

  /** It has no leader, until `endElection`. */
  beginElection(): void {
    this.#isServing = false;
    for (const lease of this.#leases.values()) lease.timer?.cancel();
  }

  endElection(): void {
    if (this.#isServing) return;
    this.#isServing = true;
    for (const [id, lease] of this.#leases) this.#extend(id, lease);
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const work of waiting) work();
  }

  range({ start, end }: KeyRange): Found {
    return { revision: this.#revision, keys: this.#inRange(start, end) };
  }

  /** All ranges at one revision. */
  read(ranges: readonly KeyRange[]): Found {
    return { revision: this.#revision, keys: ranges.flatMap(({ start, end }) => this.#inRange(start, end)) };
  }

  commit(source: string, guards: readonly Guard[], changes: readonly Change[]): Committed {
    if (!guards.every((guard) => this.#holds(guard))) return { succeeded: false, revision: this.#revision };
    const puts = changes.flatMap((change) => ('put' in change ? [change] : []));
    const deletes = changes.flatMap((change) => ('delete' in change ? [change.delete] : []));
    assertNoKeyTwice(puts, deletes);
    for (const { leaseId } of puts) {
      if (leaseId !== undefined && !this.#leases.has(leaseId)) throw refused('requested lease not found');
    }
    const deleted = deletes.flatMap(({ start, end }) => this.#inRange(start, end).map(({ key }) => key));
    return { succeeded: true, revision: this.#apply(source, puts, deleted) };
  }

  grantLease(ttlMs: number): string {
    this.#nextLease += 1;
    const id = String(this.#nextLease);
    const lease: Lease = { ttlMs: Math.ceil(ttlMs / 1_000) * 1_000, untilMs: 0, timer: undefined };
    this.#leases.set(id, lease);
    this.#extend(id, lease);
    return id;
  }

  renewLease(id: string): boolean {
    const lease = this.#leases.get(id);
    if (lease !== undefined) this.#extend(id, lease);
    return lease !== undefined;
  }

  revokeLease(source: string, id: string): void {
    const lease = this.#leases.get(id);
    if (lease === undefined) throw refused('requested lease not found');
    lease.timer?.cancel();
    this.#leases.delete(id);
    this.#apply(
      source,
      [],
      [...this.#keys.values()].filter(({ leaseId }) => leaseId === id).map(({ key }) => key),
    );
  }

  /** Whether a lease has not ended. */
  hasLease(id: string): boolean {
    return this.#leases.has(id);
  }

  /** Forgets the changes below a revision. */
  compact(revision: bigint): void {
    this.#compacted = revision;
    this.#history = this.#history.filter((change) => change.revision >= revision);
  }

  /** Sends every change of keys in the range from a revision on; the result ends it. REFUSED when that is compacted. */
  watch(range: { readonly start: string; readonly end: string }, from: bigint, send: Watcher['send']): () => void {
    if (from < this.#compacted) {
      throw refused(`mvcc: required revision has been compacted (compacted up to ${this.#compacted})`);
    }
    const watcher: Watcher = { ...range, send };
    const missed = this.#history.filter(({ revision }) => revision >= from);
    const events = missed.flatMap((change) => change.events.filter(({ name }) => isWithin(name, watcher)));
    if (events.length > 0) send({ revision: this.#revision, events });
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  #extend(id: string, lease: Lease): void {
    lease.timer?.cancel();
    lease.untilMs = this.#world.nowMs + lease.ttlMs;
    // etcd looks for leases that have ended twice a second.
    const lateMs = this.#world.random.between(0, 500);
    lease.timer = this.#world.schedule(lease.ttlMs + lateMs, () => {
      this.#world.note(() => `the store: lease ${id} has ended`);
      this.revokeLease('the store', id);
    });
  }

  #holds(guard: Guard): boolean {
    if (this.#ignores(guard)) return true;
    const entry = this.#keys.get(guard.key);
    if ('createRevision' in guard) return (entry?.createRevision ?? 0n) === guard.createRevision;
    return entry !== undefined && Buffer.from(entry.value).equals(guard.value);
  }

  #inRange(start: string, end: string | undefined): StoredKey[] {
    if (end === undefined) {
      const entry = this.#keys.get(start);
      return entry === undefined ? [] : [stored(entry)];
    }
    const found = [...this.#keys.values()].filter(({ key }) => isWithin(key, { start, end }));
    return found.sort((left, right) => (left.key < right.key ? -1 : 1)).map(stored);
  }

  #apply(
    source: string,
    puts: readonly Extract<Change, { readonly put: string }>[],
    deleted: readonly string[],
  ): bigint {
    if (puts.length === 0 && deleted.length === 0) return this.#revision;
    this.#revision += 1n;
    const revision = this.#revision;
    const previous = new Map<string, Entry | undefined>();
    const events: KeyEvent[] = [];
    for (const { put: key, value, leaseId } of puts) {
      const known = this.#keys.get(key);
      previous.set(key, known);
      const entry = { key, value, createRevision: known?.createRevision ?? revision, modRevision: revision, leaseId };
      this.#keys.set(key, entry);
      events.push({ name: key, revision, stored: stored(entry) });
    }
    for (const key of deleted) {
      previous.set(key, this.#keys.get(key));
      this.#keys.delete(key);
      events.push({ name: key, revision, stored: undefined });
    }
    this.#history.push({ revision, events });
    const before = (key: string) => (previous.has(key) ? previous.get(key) : this.#keys.get(key));
    this.onApplied({ source, revision, events, before });
    for (const watcher of [...this.#watchers]) {
      const seen = events.filter(({ name }) => isWithin(name, watcher));
      if (seen.length > 0) watcher.send({ revision, events: seen });
    }
    return revision;
  }
}

function stored({ key, value, createRevision, modRevision }: Entry): StoredKey {
  return { key, value, createRevision, modRevision };
}

function isWithin(key: string, { start, end }: { readonly start: string; readonly end: string }): boolean {
  return key >= start && key < end;
}

function refused(reason: string): StratumError {
  return new StratumError('NO_QUORUM', `etcd: ${reason}`, { what: 'etcd' });
}

/** etcd refuses a transaction that changes a key twice. */
function assertNoKeyTwice(puts: readonly { readonly put: string }[], deletes: readonly KeyRange[]): void {
  const keys = puts.map(({ put }) => put);
  const isDeleted = (key: string) =>
    deletes.some(({ start, end }) => (end === undefined ? key === start : isWithin(key, { start, end })));
  if (new Set(keys).size < keys.length || keys.some(isDeleted)) throw refused('duplicate key given in txn request');
}
