import { systemClock } from '../../src/base/clock.ts';
import { explain } from '../../src/base/errors.ts';
import { systemRandom } from '../../src/base/random.ts';
import { silentLog } from '../../src/cli/silent-log.ts';
import type { CoordinatorClient } from '../../src/client/coordinator-client.ts';
import { TopologyView } from '../../src/client/topology-view.ts';
import type { WatchEvent } from '../../src/client/watch-event.ts';
import type { TopologyUpdate } from '../../src/topology/topology.ts';
import { until } from './until.ts';

/** Above the five seconds between the keepalives of a coordinator, so that only a dead connection is left. */
const silenceMaxMs = 6_000;

/** A watcher that is connected throughout, by the client that the nodes use. It writes down what it is told, and what of it breaks the contract. */
export class WatchClient {
  /** By version. */
  readonly updates = new Map<bigint, TopologyUpdate>();
  /** What broke the contract, in words. */
  readonly faults: string[] = [];
  /** Why streams ended, for people: faults of the network are none of the watcher's. */
  readonly ends: string[] = [];
  readonly #view: TopologyView;
  #startVersion: bigint | undefined;
  #seenVersion = 0n;
  #toldVersion = 0n;
  #term = 0n;

  constructor(client: CoordinatorClient) {
    const feed = { watchTopology: (since: bigint, signal: AbortSignal) => this.#record(client, since, signal) };
    this.#view = new TopologyView({ silenceMaxMs }, { feed, clock: systemClock, random: systemRandom, log: silentLog });
    this.#view.subscribe(({ version }) => {
      if (this.#toldVersion !== 0n && version !== this.#toldVersion + 1n) {
        this.faults.push(`the view was told of version ${version} after ${this.#toldVersion}`);
      }
      this.#toldVersion = version;
    });
  }

  /** The newest version that was told. */
  get version(): bigint {
    return this.#seenVersion;
  }

  /** The version that it began with; updates after it are written down. */
  get startVersion(): bigint {
    return this.#startVersion ?? 0n;
  }

  get topology() {
    return this.#view.current();
  }

  /** Resolves when the topology is known. */
  async start(): Promise<void> {
    await this.#view.start();
    await until('the first topology', 10_000, () => this.topology);
  }

  stop(): Promise<void> {
    return this.#view.stop();
  }

  /** Resolves when this version has been told. */
  async waitFor(version: bigint, timeoutMs: number): Promise<void> {
    await until(`version ${version} at the watcher`, timeoutMs, (tell) => {
      tell(`it is at ${this.version}; its streams ended by: ${this.ends.slice(-4).join('; ')}`);
      return this.version >= version ? true : undefined;
    });
  }

  async *#record(client: CoordinatorClient, since: bigint, signal: AbortSignal): AsyncGenerator<WatchEvent> {
    try {
      for await (const event of client.watchTopology(since, signal)) {
        this.#take(event);
        yield event;
      }
    } catch (error) {
      this.ends.push(explain(error));
      throw error;
    }
  }

  #take(event: WatchEvent): void {
    switch (event.kind) {
      case 'update':
        this.#takeUpdate(event.update);
        return;
      case 'full-sync': {
        const { version } = event.topology;
        if (this.#startVersion !== undefined) {
          this.faults.push(`a whole topology of version ${version} after ${this.version}; ${this.ends.at(-1)}`);
        }
        this.#startVersion ??= version;
        if (version > this.#seenVersion) this.#seenVersion = version;
        return;
      }
      case 'lagged':
        this.faults.push(`it was told that it lags by ${event.dropped}`);
        return;
      case 'keepalive':
        if (event.version > this.version)
          this.faults.push(`a keepalive of version ${event.version} at ${this.version}`);
        return;
    }
  }

  #takeUpdate(update: TopologyUpdate): void {
    const { version, previousVersion, term } = update;
    if (version !== this.#seenVersion + 1n || previousVersion !== this.#seenVersion) {
      this.faults.push(`version ${version}, which follows ${previousVersion}, came after ${this.#seenVersion}`);
    }
    if (term < this.#term) this.faults.push(`version ${version} has term ${term} after term ${this.#term}`);
    this.#seenVersion = version;
    this.#term = term;
    this.updates.set(version, update);
  }
}
