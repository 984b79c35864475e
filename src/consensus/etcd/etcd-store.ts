import { rootCertificates } from 'node:tls';
import {
  Etcd3,
  type ICompare,
  type IDuplexStream,
  type IKeyValue,
  type IRequestOp,
  type IWatchRequest,
  type IWatchResponse,
} from 'etcd3';
import type { Clock } from '../../base/clock.ts';
import { withDeadline } from '../../base/deadline.ts';
import { StratumError } from '../../base/errors.ts';
import { MiB } from '../../base/units.ts';
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
} from './coordination-store.ts';
import { fromEtcdError } from './etcd-errors.ts';
import { EtcdMembers } from './etcd-members.ts';
import { NoBreaker } from './no-breaker.ts';
import { WatchStream } from './watch-stream.ts';

/** A message of the first read: a thousand updates and the snapshot of a large cluster. */
const messageBytesMax = 64 * MiB;

type WatchDuplex = IDuplexStream<IWatchRequest, IWatchResponse>;

/** How to reach an etcd cluster. */
export interface EtcdStoreOptions {
  /** http://host:port or https://host:port, at least one. */
  readonly endpoints: readonly string[];
  /** What every key begins with. */
  readonly prefix: string;
  /** PEM texts for https endpoints. */
  readonly credentials?: { readonly ca?: Buffer; readonly cert?: Buffer; readonly key?: Buffer };
  readonly auth?: { readonly username: string; readonly password: string };
  /** Whether members that no endpoint leads to are asked at the URLs that they advertise: not where those are loopback. */
  readonly asksMembers: boolean;
  /** Milliseconds for one call, tries at other endpoints included. */
  readonly callTimeoutMs: number;
}

/** A coordination store in etcd, by etcd3's typed calls. A call goes to one endpoint, and on failure to others. */
export class EtcdStore implements CoordinationStore {
  readonly #options: EtcdStoreOptions;
  readonly #clock: Clock;
  readonly #etcd: Etcd3;
  readonly #members: EtcdMembers;

  constructor(options: EtcdStoreOptions, modules: { readonly clock: Clock }) {
    this.#options = options;
    this.#clock = modules.clock;
    this.#etcd = this.#connect(options.endpoints);
    const { endpoints, asksMembers } = options;
    this.#members = new EtcdMembers(
      { endpoints, asksMembers },
      { etcd: this.#etcd, connect: (url) => this.#connect([url]) },
    );
  }

  async read(ranges: readonly KeyRange[]): Promise<Found> {
    const success = ranges.map((range) => ({ request_range: { ...this.#range(range), sort_target: 'Key' as const } }));
    const { header, responses } = await this.#call('read', () => this.#etcd.kv.txn({ success }));
    const keys = responses.flatMap(({ response_range }) => response_range.kvs.map((kv) => this.#stored(kv)));
    return { revision: BigInt(header.revision), keys };
  }

  async commit(guards: readonly Guard[], changes: readonly Change[]): Promise<Committed> {
    const compare = guards.map((guard) => this.#compare(guard));
    const success = changes.map((change) => this.#operation(change));
    const { header, succeeded } = await this.#call('commit', () => this.#etcd.kv.txn({ compare, success }));
    return { succeeded, revision: BigInt(header.revision) };
  }

  async grantLease(ttlMs: number): Promise<string> {
    const TTL = Math.ceil(ttlMs / 1_000);
    const { ID } = await this.#call('grant of a lease', () => this.#etcd.leaseClient.leaseGrant({ TTL }));
    return ID;
  }

  async renewLease(leaseId: string): Promise<boolean> {
    const TTL = await this.#call('renewal of a lease', async () => {
      const stream = await this.#etcd.leaseClient.leaseKeepAlive(this.#attempt());
      const { promise, resolve, reject } = Promise.withResolvers<string>();
      stream.on('data', (answer) => resolve(answer.TTL));
      stream.on('error', reject);
      stream.on('end', () => reject(new StratumError('NO_QUORUM', 'etcd ended the renewal', { what: 'etcd' })));
      stream.write({ ID: leaseId });
      try {
        return await promise;
      } finally {
        stream.end();
      }
    });
    return TTL !== '0';
  }

  async revokeLease(leaseId: string): Promise<void> {
    await this.#call('end of a lease', () => this.#etcd.leaseClient.leaseRevoke({ ID: leaseId }));
  }

  async *watch(fromRevision: bigint, signal: AbortSignal): AsyncGenerator<WatchedChanges, void, undefined> {
    const { prefix } = this.#options;
    // Its listeners are there as soon as it opens, also when that is too late for this call.
    const opening = this.#etcd.watchClient.watch().then((stream) => ({ stream, changes: new WatchStream(stream) }));
    const { stream, changes } = await this.#open(opening);
    const onAbort = () => changes.cancel(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    try {
      stream.write({
        create_request: {
          key: Buffer.from(prefix),
          range_end: Buffer.from(endOfPrefix(prefix)),
          start_revision: String(fromRevision),
        },
      });
      for await (const response of changes) yield this.#watched(response);
    } catch (error) {
      throw fromEtcdError(error, 'watch');
    } finally {
      signal.removeEventListener('abort', onAbort);
      changes.cancel(new StratumError('CANCELLED', 'the watch has ended'));
    }
  }

  async #open(opening: Promise<{ stream: WatchDuplex; changes: WatchStream }>) {
    try {
      return await this.#call('watch', () => opening);
    } catch (error) {
      // The caller has the error; a stream that opens after all has nobody to read it.
      opening.then(
        ({ changes }) => changes.cancel(error),
        () => undefined,
      );
      throw error;
    }
  }

  status(): Promise<StoreStatus> {
    return this.#call('status', () => this.#members.status(() => this.#attempt()));
  }

  async addMember(peerAddress: string): Promise<void> {
    await this.#call('addition of a member', () => this.#members.add(peerAddress));
  }

  async removeMember(engineId: string): Promise<void> {
    await this.#call('removal of a member', () => this.#members.remove(engineId));
  }

  close(): void {
    this.#etcd.close();
    this.#members.close();
  }

  #connect(endpoints: readonly string[]): Etcd3 {
    const { credentials: pem, auth } = this.#options;
    const isSecure = endpoints.some((endpoint) => endpoint.startsWith('https:'));
    const credentials = {
      // etcd3 takes no client certificate without an authority's.
      rootCertificate: pem?.ca ?? Buffer.from(rootCertificates.join('\n')),
      ...(pem?.key === undefined ? {} : { privateKey: pem.key }),
      ...(pem?.cert === undefined ? {} : { certChain: pem.cert }),
    };
    return new Etcd3({
      hosts: [...endpoints],
      ...(isSecure && pem !== undefined ? { credentials } : {}),
      faultHandling: { host: () => new NoBreaker() },
      ...(auth === undefined ? {} : { auth: { ...auth, callOptions: () => this.#attempt() } }),
      grpcOptions: {
        'grpc.max_receive_message_length': messageBytesMax,
        'grpc.max_send_message_length': messageBytesMax,
        // A member that restarts is back within a second; the default waits up to two minutes.
        'grpc.initial_reconnect_backoff_ms': 100,
        'grpc.max_reconnect_backoff_ms': 1_000,
      },
      defaultCallOptions: ({ isStream }) => (isStream ? {} : this.#attempt()),
    });
  }

  /** One try at one endpoint: with several, one that never answers leaves time for another. */
  #attempt(): { deadline: number } {
    const { callTimeoutMs, endpoints } = this.#options;
    const tries = Math.min(2, endpoints.length);
    return { deadline: this.#clock.nowMs() + callTimeoutMs / tries };
  }

  async #call<T>(what: string, call: () => Promise<T>): Promise<T> {
    try {
      return await withDeadline(this.#clock, `etcd, ${what}`, this.#options.callTimeoutMs, call);
    } catch (error) {
      if (error instanceof StratumError && error.code === 'DEADLINE_EXCEEDED') {
        throw new StratumError('NO_QUORUM', error.message, { what: 'etcd' }, { cause: error });
      }
      throw fromEtcdError(error, what);
    }
  }

  #key(key: string): Buffer {
    return Buffer.from(this.#options.prefix + key);
  }

  #range({ start, end }: KeyRange): { key: Buffer; range_end?: Buffer } {
    return { key: this.#key(start), ...(end === undefined ? {} : { range_end: this.#key(end) }) };
  }

  #compare(guard: Guard): ICompare {
    const key = this.#key(guard.key);
    return 'createRevision' in guard
      ? { result: 'Equal', target: 'Create', key, create_revision: String(guard.createRevision) }
      : { result: 'Equal', target: 'Value', key, value: Buffer.from(guard.value) };
  }

  #operation(change: Change): IRequestOp {
    if ('delete' in change) return { request_delete_range: this.#range(change.delete) };
    const { put, value, leaseId } = change;
    const lease = leaseId === undefined ? {} : { lease: leaseId };
    return { request_put: { key: this.#key(put), value: Buffer.from(value), ...lease } };
  }

  #stored(kv: IKeyValue): StoredKey {
    return {
      key: this.#name(kv),
      value: kv.value,
      createRevision: BigInt(kv.create_revision),
      modRevision: BigInt(kv.mod_revision),
    };
  }

  #name(kv: IKeyValue): string {
    return kv.key.toString().slice(this.#options.prefix.length);
  }

  #watched({ header, events }: IWatchResponse): WatchedChanges {
    return {
      revision: BigInt(header.revision),
      events: events.map(({ type, kv }): KeyEvent => {
        // A deletion's own revision stands where a put has that of the change.
        const event = { name: this.#name(kv), revision: BigInt(kv.mod_revision) };
        return { ...event, stored: type === 'Delete' ? undefined : this.#stored(kv) };
      }),
    };
  }
}

/** The first key above all that begin with the prefix. */
function endOfPrefix(prefix: string): string {
  const last = prefix.charCodeAt(prefix.length - 1);
  return prefix.slice(0, -1) + String.fromCharCode(last + 1);
}
