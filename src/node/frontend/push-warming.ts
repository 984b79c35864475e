import { LRUCache } from 'lru-cache';
import type { Clock } from '../../base/clock.ts';
import { explain } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import { encodeFetch, type FetchRequest } from '../../git/fetch-request.ts';
import type { FetchObserver } from './fetch-observer.ts';
import type { FetchService, NamedFetch } from './fetch-service.ts';
import type { RefReader, RepositoryRefs } from './ref-reader.ts';

/** Values of the warming. */
export interface PushWarmingOptions {
  readonly enabled: boolean;
  /** How long a branch counts as cloned lately, in milliseconds. */
  readonly recentMs?: number;
  /** Responses that may wait to be prepared; more are dropped. */
  readonly queueMax?: number;
}

/** What warming works with. */
export interface PushWarmingModules {
  readonly clock: Clock;
  readonly log: Logger;
  readonly refs: RefReader;
  readonly fetches: Pick<FetchService, 'nameFetch' | 'prepare'>;
  readonly observer: Pick<FetchObserver, 'warmed'>;
  readonly stopping: AbortSignal;
}

/** A clone that somebody made lately: of which ref, and how but for the object. */
interface Habit {
  readonly ref: string;
  readonly request: FetchRequest;
  /** Of the response that it got. */
  readonly key: string;
  seenAtMs: number;
}

/** Pipelines run at least daily. */
const recentDefaultMs = 24 * 3_600_000;

const queueDefaultMax = 64;

/** Repositories whose clones are remembered. */
const repositoriesMax = 10_000;

/** Clones remembered of one repository: branches times the few ways in which runners clone. */
const habitsMax = 32;

/**
 * Prepares the response to a shallow clone before the first runner asks: a push to a branch that was cloned shallowly
 * on this frontend lately has the same request made with the branch's new value. One at a time.
 */
export class PushWarming {
  readonly #options: Required<PushWarmingOptions>;
  readonly #modules: PushWarmingModules;
  /** By the name of the response: the hundredth equal clone has nothing new to say. */
  readonly #noticed = new LRUCache<string, Habit>({ max: repositoriesMax });
  /** By repository id, then by request without its object. */
  readonly #habits = new LRUCache<string, LRUCache<string, Habit>>({ max: repositoriesMax });
  /** Names of the repositories that were pushed to. */
  readonly #queue = new Set<string>();
  #running: Promise<void> | undefined;

  constructor(options: PushWarmingOptions, modules: PushWarmingModules) {
    this.#options = { recentMs: recentDefaultMs, queueMax: queueDefaultMax, ...options };
    this.#modules = modules;
  }

  /** Pushes whose responses wait to be prepared. */
  get waiting(): number {
    return this.#queue.size;
  }

  /** Resolves when nothing is being prepared. */
  get idle(): Promise<void> {
    return this.#running ?? Promise.resolve();
  }

  /** Remembers a clone. */
  noticeFetch({ key, request, repo }: NamedFetch, { snapshot }: RepositoryRefs): void {
    const seenAtMs = this.#modules.clock.monotonicMs();
    const known = this.#noticed.get(key);
    if (known !== undefined) {
      known.seenAtMs = seenAtMs;
      return;
    }
    const [want, ...others] = request.wants;
    const isShallowClone = request.depth !== undefined && request.haves.length === 0 && request.shallows.length === 0;
    if (!this.#options.enabled || !isShallowClone || want === undefined || others.length > 0) return;
    const branches = snapshot.refs.filter(({ name, objectId }) => objectId === want && name.startsWith('refs/heads/'));
    const ref = branches.find(({ name }) => name === snapshot.head) ?? branches[0];
    if (ref === undefined) return;
    const habits = this.#habits.get(repo.id) ?? new LRUCache<string, Habit>({ max: habitsMax });
    this.#habits.set(repo.id, habits);
    const habit = { ref: ref.name, request, key, seenAtMs };
    habits.set(`${ref.name} ${encodeFetch({ ...request, wants: [] }, snapshot.objectFormat)}`, habit);
    this.#noticed.set(key, habit);
  }

  /** The way in which the repository was cloned last, for those who ask what the next clone would meet. */
  lastHabit(repoId: string): FetchRequest | undefined {
    const [last] = this.#habits.get(repoId)?.values() ?? [];
    return last?.request;
  }

  /** A push to the repository was accepted. */
  noticePush({ repo }: RepositoryRefs): void {
    if (!this.#options.enabled || !this.#habits.has(repo.id) || this.#queue.has(repo.name)) return;
    if (this.#queue.size >= this.#options.queueMax) {
      this.#modules.observer.warmed('dropped');
      return;
    }
    this.#queue.add(repo.name);
    this.#run();
  }

  #run(): void {
    this.#running ??= this.#drain().finally(() => {
      this.#running = undefined;
      // Noticed between the last look and this moment.
      if (this.#queue.size > 0 && !this.#modules.stopping.aborted) this.#run();
    });
  }

  async #drain(): Promise<void> {
    for (const name of this.#queue) {
      this.#queue.delete(name);
      if (this.#modules.stopping.aborted) return;
      try {
        await this.#warm(await this.#modules.refs.read(name, this.#modules.stopping));
      } catch (error) {
        this.#note(name, error);
      }
    }
  }

  async #warm(refs: RepositoryRefs): Promise<void> {
    const { clock, fetches, observer, stopping } = this.#modules;
    const values = new Map(refs.snapshot.refs.map(({ name, objectId }) => [name, objectId]));
    // A copy: clones that come meanwhile move what is in it.
    for (const { ref, request, key, seenAtMs } of [...(this.#habits.get(refs.repo.id)?.values() ?? [])]) {
      const objectId = values.get(ref);
      const isRecent = clock.monotonicMs() - seenAtMs <= this.#options.recentMs;
      if (objectId === undefined || !isRecent) continue;
      const fetch = fetches.nameFetch(refs, { ...request, wants: [objectId] });
      if (fetch === undefined || fetch.key === key) continue;
      try {
        const { wasStored } = await fetches.prepare(fetch, refs, stopping);
        observer.warmed(wasStored ? 'stored' : 'prepared');
      } catch (error) {
        this.#note(refs.repo.name, error);
      }
    }
  }

  /** Nobody waits for it: the first clone will meet what is wrong. */
  #note(repo: string, error: unknown): void {
    if (this.#modules.stopping.aborted) return;
    this.#modules.observer.warmed('failed');
    this.#modules.log.warn({ repo, reason: explain(error) }, 'response not prepared after a push');
  }
}
