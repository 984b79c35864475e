import { type BackoffBounds, backoffMs } from '../../base/backoff.ts';
import type { Clock } from '../../base/clock.ts';
import { asStratumError, StratumError } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { Random } from '../../base/random.ts';
import type { TopologyCopy } from '../topology-copy.ts';
import type { Candidacy } from './candidacy.ts';
import type { CoordinationStore, Found, KeyEvent, KeyRange } from './coordination-store.ts';
import { below, decodeUpdateRecord, etcdKeys, updatesAbove } from './etcd-records.ts';
import { takeFound } from './take-found.ts';

/** Soon enough for a restarted member to go unnoticed, rare enough for one that is away for long. */
const backoff: BackoffBounds = { minMs: 50, maxMs: 1_000 };

/** In every read: who leads, and how far the topology is. */
const always: readonly KeyRange[] = [{ start: etcdKeys.leader }, { start: etcdKeys.nominee }, { start: etcdKeys.head }];

/** What a follower works with. */
export interface StoreFollowerModules {
  readonly store: CoordinationStore;
  readonly copy: TopologyCopy;
  /** Told of the keys leader and nominee. */
  readonly candidacy: Pick<Candidacy, 'see'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** Keeps a member's copy as the store has it: by reads, and in between by a watch that resumes where a read ended. */
export class StoreFollower {
  readonly #modules: StoreFollowerModules;
  #attempt: AbortController | undefined;
  #currentAsOfMs: number;
  /** The version that the watch itself has brought. */
  #watchedVersion = 0n;
  /** The version that the last look found: by the next look the watch must have brought it. */
  #lookedVersion = 0n;
  #failed = '';

  constructor(modules: StoreFollowerModules) {
    this.#modules = modules;
    this.#currentAsOfMs = modules.clock.monotonicMs();
  }

  /** Milliseconds since the copy was known to be current. */
  get ageMs(): number {
    return this.#modules.clock.monotonicMs() - this.#currentAsOfMs;
  }

  /** Resolves when the copy has all that was in the store at the moment of the call. */
  async catchUp(): Promise<Found> {
    const { copy, clock } = this.#modules;
    const askedMs = clock.monotonicMs();
    const { version } = copy;
    const whole = [...always, { start: etcdKeys.snapshot }, below(etcdKeys.updates)];
    let found = await this.#read(version === undefined ? whole : [...always, updatesAbove(version)]);
    const isBehind = !takeFound(copy, found, version) && found.keys.some(({ key }) => key === etcdKeys.head);
    if (isBehind) {
      found = await this.#read(whole);
      if (!takeFound(copy, found, version)) {
        throw new StratumError('DATA_CORRUPT', 'etcd holds a version, and no snapshot of the topology');
      }
    }
    this.#currentAsOfMs = Math.max(this.#currentAsOfMs, askedMs);
    return found;
  }

  /** A regular look: catches up, and begins the watch anew when it has fallen silent. */
  async look(): Promise<void> {
    await this.catchUp();
    if (this.#attempt !== undefined && this.#watchedVersion < this.#lookedVersion) {
      this.#attempt.abort(new StratumError('NO_QUORUM', 'the watch of etcd has fallen silent', { what: 'etcd' }));
    }
    this.#lookedVersion = this.#modules.copy.version ?? 0n;
  }

  /** Follows until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, random } = this.#modules;
    for (let failures = 0; !signal.aborted; failures += 1) {
      try {
        await this.#follow(signal, () => {
          failures = 0;
        });
      } catch (error) {
        if (signal.aborted) return;
        this.#note(error);
      }
      // Only a stop ends the pause early; the loop's condition sees it.
      await clock.sleep(backoffMs(failures + 1, backoff, random), signal).catch(() => undefined);
    }
  }

  async #follow(signal: AbortSignal, onProgress: () => void): Promise<void> {
    const { store, copy } = this.#modules;
    const { revision } = await this.catchUp();
    const attempt = new AbortController();
    const onAbort = () => attempt.abort(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    this.#watchedVersion = copy.version ?? 0n;
    this.#attempt = attempt;
    try {
      for await (const { events } of store.watch(revision + 1n, attempt.signal)) {
        onProgress();
        this.#failed = '';
        for (const event of events) this.#take(event);
        if (copy.version === undefined && events.some(({ name }) => name === etcdKeys.head)) return;
      }
    } finally {
      this.#attempt = undefined;
      signal.removeEventListener('abort', onAbort);
    }
  }

  #take({ name, revision, stored }: KeyEvent): void {
    const { candidacy, copy } = this.#modules;
    if (name === etcdKeys.leader) candidacy.see(revision, { leader: stored ?? null });
    else if (name === etcdKeys.nominee) candidacy.see(revision, { nominee: stored ?? null });
    else if (name.startsWith(etcdKeys.updates) && stored !== undefined) {
      const update = decodeUpdateRecord(stored.value);
      copy.apply(update);
      this.#watchedVersion = update.version;
    }
  }

  async #read(ranges: readonly KeyRange[]): Promise<Found> {
    const found = await this.#modules.store.read(ranges);
    const keyNamed = (name: string) => found.keys.find(({ key }) => key === name) ?? null;
    this.#modules.candidacy.see(found.revision, {
      leader: keyNamed(etcdKeys.leader),
      nominee: keyNamed(etcdKeys.nominee),
    });
    return found;
  }

  /** Told once while it stays the same. */
  #note(error: unknown): void {
    const { code, message } = asStratumError(error);
    if (code === this.#failed) return;
    this.#failed = code;
    this.#modules.log.warn({ code, error: message }, 'the topology in the store is not followed; begins again');
  }
}
