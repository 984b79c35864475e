import { backoffMs } from '../base/backoff.ts';
import type { Clock, Timer } from '../base/clock.ts';
import { withDeadline } from '../base/deadline.ts';
import { explain, hasCode, StratumError } from '../base/errors.ts';
import type { Part } from '../base/lifecycle.ts';
import type { Logger } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import { applyUpdate } from '../topology/apply-update.ts';
import type { Topology, TopologySource } from '../topology/topology.ts';
import { coordinatorBackoff } from './coordinator-backoff.ts';
import { TopologyCache } from './topology-cache.ts';
import type { WatchEvent } from './watch-event.ts';

/** Three keepalives of a coordinator (one every 10 s at least): a longer silence is a dead connection. */
const defaultSilenceMaxMs = 30_000;

/** Milliseconds for one coordinator to give its topology. */
const refreshTimeoutMs = 5_000;

/** Changes that come together are written to the cache file together, but for those of ring and partitions. */
const defaultCacheDelayMs = 1_000;

/** Where a view gets its events; CoordinatorClient is one. */
export interface TopologyFeed {
  watchTopology(sinceVersion: bigint, signal: AbortSignal): AsyncIterable<WatchEvent>;
}

/** Values of a view. */
export interface TopologyViewOptions {
  /** File with the last topology; none is kept when absent. */
  readonly cacheFile?: string;
  readonly cacheDelayMs?: number;
  readonly silenceMaxMs?: number;
}

/**
 * The topology as this process knows it: watched, applied strictly in order, and the last good one
 * kept while no coordinator answers. Its version never falls. A gap, or news that do not fit, lead
 * to a full sync; a topology of another cluster is refused once a coordinator has been heard.
 */
export class TopologyView implements TopologySource, Part {
  readonly name = 'topology view';
  readonly #silenceMaxMs: number;
  readonly #cacheDelayMs: number;
  readonly #cache: TopologyCache | undefined;
  readonly #feed: TopologyFeed;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #log: Logger;
  readonly #listeners = new Set<(topology: Topology) => void>();
  readonly #stopped = new AbortController();
  #watching: Promise<void> = Promise.resolve();
  #topology: Topology | undefined;
  /** The cached topology is believed only until a coordinator says otherwise. */
  #isConfirmed = false;
  #needsFullSync = true;
  #heardAtMs: number | undefined;
  #attempt: AbortController | undefined;
  /** The answer that whoever asks for a refresh waits for. */
  #refreshing: Promise<void> | undefined;
  #saveTimer: Timer | undefined;
  #saving: Promise<void> = Promise.resolve();

  constructor(
    options: TopologyViewOptions,
    modules: { readonly feed: TopologyFeed; readonly clock: Clock; readonly random: Random; readonly log: Logger },
  ) {
    this.#silenceMaxMs = options.silenceMaxMs ?? defaultSilenceMaxMs;
    this.#cacheDelayMs = options.cacheDelayMs ?? defaultCacheDelayMs;
    this.#cache = options.cacheFile === undefined ? undefined : new TopologyCache({ path: options.cacheFile });
    this.#feed = modules.feed;
    this.#clock = modules.clock;
    this.#random = modules.random;
    this.#log = modules.log;
  }

  /** Resolves when the cache file has been read; the watch goes on in the background. */
  async start(): Promise<void> {
    await this.#loadCache();
    if (!this.#stopped.signal.aborted) this.#watching = this.#watchForEver();
  }

  async stop(): Promise<void> {
    this.#stopped.abort(new StratumError('SHUTTING_DOWN', 'the topology view is stopped'));
    this.#attempt?.abort(this.#stopped.signal.reason);
    await this.#watching;
    await this.#refreshing?.catch(() => undefined); // It ends by the same reason.
    if (this.#saveTimer !== undefined) this.#save();
    await this.#saving;
  }

  current(): Topology | undefined {
    return this.#topology;
  }

  subscribe(listener: (topology: Topology) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Milliseconds since a coordinator was last heard; Infinity when none ever was. */
  ageMs(): number {
    return this.#heardAtMs === undefined ? Number.POSITIVE_INFINITY : this.#clock.monotonicMs() - this.#heardAtMs;
  }

  /** The first topology, the present one included, that satisfies the predicate; rejects with the signal's reason. */
  waitFor(predicate: (topology: Topology) => boolean, signal: AbortSignal): Promise<Topology> {
    return new Promise((resolve, reject) => {
      const end = () => {
        unsubscribe();
        signal.removeEventListener('abort', onAbort);
      };
      const check = (topology: Topology | undefined) => {
        if (topology === undefined || !predicate(topology)) return;
        end();
        resolve(topology);
      };
      const onAbort = () => {
        end();
        reject(signal.reason);
      };
      const unsubscribe = this.subscribe(check);
      signal.addEventListener('abort', onAbort, { once: true });
      if (signal.aborted) onAbort();
      else check(this.#topology);
    });
  }

  /** A coordinator has this version: the watch begins again when the view is behind it. */
  catchUpTo(version: bigint): void {
    if (this.#topology !== undefined && this.#topology.version >= version) return;
    this.#attempt?.abort(new StratumError('CANCELLED', `version ${version} of the topology has not arrived`));
  }

  /**
   * See TopologySource.refresh. However many ask at a time, a coordinator is asked once, and the watch goes on beside
   * it; who stops waiting leaves the question to the others that wait for its answer.
   */
  refresh(signal: AbortSignal): Promise<void> {
    if (this.#refreshing === undefined) {
      const asked = this.#askForAll().finally(() => {
        this.#refreshing = undefined;
      });
      asked.catch(() => undefined); // Each who waits hears of it below.
      this.#refreshing = asked;
    }
    const refreshing = this.#refreshing;
    return withDeadline(this.#clock, 'a fresh topology', refreshTimeoutMs, () => refreshing, signal);
  }

  /** A watch from version 0 begins with the whole topology; it has done its work then. */
  #askForAll(): Promise<void> {
    const ask = async (signal: AbortSignal) => {
      for await (const event of this.#feed.watchTopology(0n, signal)) {
        this.#heardAtMs = this.#clock.monotonicMs();
        this.#take(event);
        if (event.kind === 'full-sync') return;
      }
      throw new StratumError('UNREACHABLE', 'the coordinator ended the watch before it gave its topology', {
        endpoint: 'coordinator',
        method: 'WatchTopology',
      });
    };
    return withDeadline(this.#clock, 'a fresh topology', refreshTimeoutMs, ask, this.#stopped.signal);
  }

  /** How old the topology is that is used meanwhile; undefined when nobody knows. */
  #knownAgeMs(): number | undefined {
    const ageMs = this.ageMs();
    return Number.isFinite(ageMs) ? Math.floor(ageMs) : undefined;
  }

  async #watchForEver(): Promise<void> {
    const { signal } = this.#stopped;
    for (let failures = 0; !signal.aborted; failures += 1) {
      try {
        await this.#watchOnce(() => {
          failures = 0;
        });
        this.#log.debug({}, 'the watch of the topology ended; it begins again');
      } catch (error) {
        if (signal.aborted) return;
        const fields = { version: this.#topology?.version, ageMs: this.#knownAgeMs(), error: explain(error) };
        if (failures === 0) this.#log.warn(fields, 'the watch of the topology failed; the last known one is used');
        else this.#log.debug(fields, 'the watch of the topology failed again');
      }
      // Only a stop ends the pause early; the loop's condition sees it.
      await this.#clock.sleep(backoffMs(failures + 1, coordinatorBackoff, this.#random), signal).catch(() => undefined);
    }
  }

  async #watchOnce(onProgress: () => void): Promise<void> {
    const attempt = new AbortController();
    this.#attempt = attempt;
    const silence = new StratumError('DEADLINE_EXCEEDED', `no word of the topology for ${this.#silenceMaxMs} ms`, {
      endpoint: 'coordinator',
      method: 'WatchTopology',
      timeoutMs: this.#silenceMaxMs,
    });
    const listen = () => this.#clock.after(this.#silenceMaxMs, () => attempt.abort(silence));
    let silenceTimer = listen();
    const sinceVersion = this.#needsFullSync ? 0n : (this.#topology?.version ?? 0n);
    try {
      for await (const event of this.#feed.watchTopology(sinceVersion, attempt.signal)) {
        silenceTimer.cancel();
        silenceTimer = listen();
        this.#heardAtMs = this.#clock.monotonicMs();
        this.#take(event);
        onProgress();
      }
    } catch (error) {
      // The coordinator's own refusal of a version: its history is not the one that this view knows.
      if (hasCode(error, 'VERSION_CONFLICT') || hasCode(error, 'INVALID_ARGUMENT')) this.#needsFullSync = true;
      throw error;
    } finally {
      silenceTimer.cancel();
      this.#attempt = undefined;
    }
  }

  #take(event: WatchEvent): void {
    switch (event.kind) {
      case 'full-sync':
        this.#replace(event.topology);
        return;
      case 'update': {
        const known = this.#topology;
        // Without a full sync first there is nothing to apply to; versions that are known come again after a resume.
        if (known !== undefined && event.update.version > known.version) this.#hear(applyUpdate(known, event.update));
        return;
      }
      case 'lagged':
        this.#log.debug({ dropped: event.dropped }, 'this reader of the topology was too slow; a full sync follows');
        return;
      case 'keepalive':
        return;
    }
  }

  #replace(topology: Topology): void {
    const known = this.#topology;
    const isOther = known !== undefined && known.clusterId !== topology.clusterId;
    if (isOther && this.#isConfirmed) {
      throw new StratumError(
        'UNSAFE',
        `a coordinator serves cluster ${topology.clusterId}; this process is part of ${known.clusterId}`,
        undefined,
        { hint: 'its data folder was emptied, or its address now belongs to another cluster' },
      );
    }
    if (isOther)
      this.#log.warn(
        { cached: known.clusterId, cluster: topology.clusterId },
        'the cached topology is another cluster’s',
      );
    if (!isOther && known !== undefined && topology.version < known.version) {
      const details = {
        what: 'topology version',
        expected: `${known.version} or above`,
        current: String(topology.version),
      };
      throw new StratumError(
        'VERSION_CONFLICT',
        `a coordinator is behind: it has version ${topology.version}`,
        details,
      );
    }
    this.#isConfirmed = true;
    this.#needsFullSync = false;
    if (isOther || known === undefined || topology.version > known.version) this.#hear(topology);
  }

  #hear(topology: Topology): void {
    const isPlacement =
      this.#topology?.ring.epoch !== topology.ring.epoch || this.#topology.partitions !== topology.partitions;
    this.#adopt(topology);
    if (this.#cache === undefined) return;
    // Without ring and partitions a restarted process could not serve; states of nodes may be a second old.
    if (isPlacement) this.#save();
    else this.#saveTimer ??= this.#clock.after(this.#cacheDelayMs, () => this.#save());
  }

  #adopt(topology: Topology): void {
    this.#topology = topology;
    for (const listener of [...this.#listeners]) {
      try {
        listener(topology);
      } catch (error) {
        // The others must hear of it too.
        this.#log.error({ version: topology.version, error: explain(error) }, 'a listener to the topology failed');
      }
    }
  }

  async #loadCache(): Promise<void> {
    try {
      const cached = await this.#cache?.load();
      if (cached === undefined) return;
      this.#log.info({ version: cached.version }, 'starts from the cached topology');
      this.#adopt(cached);
    } catch (error) {
      // A cache can be lost without harm: the coordinators have the topology.
      this.#log.warn({ error: explain(error) }, 'the cached topology is not used');
    }
  }

  #save(): void {
    this.#saveTimer?.cancel();
    this.#saveTimer = undefined;
    const topology = this.#topology;
    if (topology === undefined) return;
    this.#saving = this.#saving
      .then(() => this.#cache?.save(topology))
      .catch((error: unknown) => this.#log.warn({ error: explain(error) }, 'the topology could not be cached'));
  }
}
