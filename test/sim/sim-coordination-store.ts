import { StratumError } from '../../src/base/errors.ts';
import type {
  Change,
  Committed,
  CoordinationStore,
  Found,
  Guard,
  KeyEvent,
  KeyRange,
  StoredKey,
  StoreStatus,
  WatchedChanges,
} from '../../src/consensus/etcd/coordination-store.ts';
import type { SimNetwork, SimStream } from './sim-network.ts';
import type { SimProcess } from './sim-process.ts';
import type { SimStoreServer } from './sim-store-server.ts';

/** The host name of the store. */
export const storeHost = 'store';

/** What a client of the simulated store is. */
export interface SimCoordinationStoreOptions {
  /** What every key begins with. */
  readonly prefix: string;
  readonly callTimeoutMs: number;
  /** The share of calls that a client library sends twice, because the first try seemed to fail. */
  readonly repeatRate?: number;
}

interface SimCoordinationStoreModules {
  readonly server: SimStoreServer;
  readonly network: SimNetwork;
  readonly process: SimProcess;
}

/** A client of the simulated store: every call crosses the network, both ways, and has a deadline. */
export class SimCoordinationStore implements CoordinationStore {
  readonly #options: SimCoordinationStoreOptions;
  readonly #modules: SimCoordinationStoreModules;
  readonly #streams = new Set<SimStream<WatchedChanges>>();
  readonly #random: () => number;
  #isClosed = false;

  constructor(options: SimCoordinationStoreOptions, modules: SimCoordinationStoreModules & { random: () => number }) {
    this.#options = options;
    this.#modules = modules;
    this.#random = modules.random;
  }

  async read(ranges: readonly KeyRange[]): Promise<Found> {
    const whole = ranges.map((range) => this.#range(range));
    const { revision, keys } = await this.#call('read', (server) => server.read(whole));
    return { revision, keys: keys.map((key) => this.#stored(key)) };
  }

  commit(guards: readonly Guard[], changes: readonly Change[]): Promise<Committed> {
    const { name } = this.#modules.process;
    const wholeGuards = guards.map((guard) => ({ ...guard, key: this.#key(guard.key) }));
    const wholeChanges = changes.map((change) =>
      'put' in change ? { ...change, put: this.#key(change.put) } : { delete: this.#range(change.delete) },
    );
    return this.#call('commit', (server) => server.commit(name, wholeGuards, wholeChanges));
  }

  grantLease(ttlMs: number): Promise<string> {
    return this.#call('grant of a lease', (server) => server.grantLease(ttlMs));
  }

  renewLease(leaseId: string): Promise<boolean> {
    return this.#call('renewal of a lease', (server) => server.renewLease(leaseId));
  }

  revokeLease(leaseId: string): Promise<void> {
    const { name } = this.#modules.process;
    return this.#call('end of a lease', (server) => server.revokeLease(name, leaseId));
  }

  async *watch(fromRevision: bigint, signal: AbortSignal): AsyncGenerator<WatchedChanges, void, undefined> {
    if (this.#isClosed) throw closed();
    const waiting: WatchedChanges[] = [];
    let failure: unknown;
    let wake: () => void = () => undefined;
    const fail = (reason: unknown) => {
      failure ??= reason;
      wake();
    };
    const onAbort = () => fail(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    const take = (changes: WatchedChanges) => {
      waiting.push(changes);
      wake();
    };
    const stream = this.#openStream(fromRevision, { take, fail });
    try {
      for (;;) {
        const changes = waiting.shift();
        if (changes !== undefined) yield changes;
        else if (failure !== undefined) throw failure;
        else {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
      }
    } finally {
      signal.removeEventListener('abort', onAbort);
      this.#streams.delete(stream);
      stream.end();
    }
  }

  /** The simulated engine is one member that has no name. */
  status(): Promise<StoreStatus> {
    return this.#call('status', (server) => ({
      leaderEngineId: '1',
      raftTerm: 1n,
      committedIndex: server.revision,
      appliedIndex: server.revision,
      members: [{ engineId: '1', name: '', peerAddress: '', clientUrls: [] }],
      alarms: [],
      answers: new Map([['1', undefined]]),
    }));
  }

  addMember(): Promise<void> {
    return Promise.reject(new StratumError('UNIMPLEMENTED', 'the simulated store has no members'));
  }

  removeMember(): Promise<void> {
    return this.addMember();
  }

  close(): void {
    this.#isClosed = true;
    for (const stream of [...this.#streams]) stream.breakOff();
  }

  #openStream(
    fromRevision: bigint,
    reader: { readonly take: (changes: WatchedChanges) => void; readonly fail: (reason: unknown) => void },
  ): SimStream<WatchedChanges> {
    const { server, network, process } = this.#modules;
    const { prefix } = this.#options;
    let endWatch: () => void = () => undefined;
    let refusal: unknown;
    const stream = network.stream<WatchedChanges>(
      { from: storeHost, to: process.name },
      {
        process,
        take: reader.take,
        broken: () => {
          endWatch();
          reader.fail(refusal ?? new StratumError('NO_QUORUM', 'etcd ended the watch', { what: 'etcd' }));
        },
      },
    );
    const onEnd = stream.onEnd;
    stream.onEnd = () => {
      onEnd();
      endWatch();
    };
    this.#streams.add(stream);
    // A request that is lost leaves a watch that is silent for ever.
    network.send(process.name, storeHost, () =>
      server.serve(() => {
        if (stream.isEnded) return;
        try {
          const send = (changes: WatchedChanges) => stream.send(this.#watched(changes));
          endWatch = server.watch({ start: prefix, end: `${prefix}\uffff` }, fromRevision, send);
        } catch (error) {
          refusal = error;
          stream.breakOff();
        }
      }),
    );
    return stream;
  }

  #call<T>(what: string, work: (server: SimStoreServer) => T): Promise<T> {
    if (this.#isClosed) return Promise.reject(closed());
    const { server, network, process } = this.#modules;
    const { callTimeoutMs, repeatRate = 0 } = this.#options;
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const timer = process.clock.after(callTimeoutMs, () => {
      const message = `etcd, ${what} did not finish within ${callTimeoutMs} ms`;
      reject(new StratumError('NO_QUORUM', message, { what: 'etcd' }));
    });
    const settle = (finish: () => void) => {
      network.send(storeHost, process.name, () =>
        process.deliver(() => {
          timer.cancel();
          finish();
        }),
      );
    };
    const tryOnce = () => {
      network.send(process.name, storeHost, () =>
        server.serve(() => {
          try {
            const answer = work(server);
            settle(() => resolve(answer));
          } catch (error) {
            settle(() => reject(error));
          }
        }),
      );
    };
    tryOnce();
    if (repeatRate > 0 && this.#random() < repeatRate) tryOnce();
    return promise;
  }

  #key(key: string): string {
    return this.#options.prefix + key;
  }

  #range({ start, end }: KeyRange): KeyRange {
    return { start: this.#key(start), ...(end === undefined ? {} : { end: this.#key(end) }) };
  }

  #name(key: string): string {
    return key.slice(this.#options.prefix.length);
  }

  #stored(key: StoredKey): StoredKey {
    return { ...key, key: this.#name(key.key) };
  }

  #watched({ revision, events }: WatchedChanges): WatchedChanges {
    return {
      revision,
      events: events.map(
        ({ name, revision: at, stored }): KeyEvent => ({
          name: this.#name(name),
          revision: at,
          stored: stored === undefined ? undefined : this.#stored(stored),
        }),
      ),
    };
  }
}

function closed(): StratumError {
  return new StratumError('SHUTTING_DOWN', 'the client of etcd is closed');
}
