import { LRUCache } from 'lru-cache';
import type { Clock } from '../../base/clock.ts';
import { StratumError } from '../../base/errors.ts';
import { type RateLimit, TokenBucket } from '../../base/token-bucket.ts';
import type { Metrics } from '../../telemetry/metrics.ts';

/** What a coordinator lets through. */
export interface RateLimitOptions {
  /** Calls that change something. */
  readonly writes: { readonly all: RateLimit; readonly client: RateLimit };
  /** Begins of a watch. */
  readonly watchStarts: { readonly all: RateLimit; readonly client: RateLimit };
  /** Heartbeats of one node id. */
  readonly heartbeats: RateLimit;
  /** Watches that are open at the same time. */
  readonly watchesMax: { readonly all: number; readonly client: number };
}

/**
 * A thousand nodes that restart together register and begin a watch at once, and a second time after
 * a change of leader: that passes as a burst, from one host (a local cluster, a NAT) half of it. In
 * the long run a leader takes some thousand commands a second, so one client alone never has them all.
 */
const startsOfCluster = {
  all: { ratePerSecond: 2_000, burst: 4_000 },
  client: { ratePerSecond: 500, burst: 2_000 },
};

/** The limits in force. */
export const defaultRateLimits: RateLimitOptions = {
  writes: startsOfCluster,
  watchStarts: startsOfCluster,
  // Ten times the rate of a local cluster, a hundred times that of an ordinary one; a change of state comes on top.
  heartbeats: { ratePerSecond: 10, burst: 20 },
  // Ten watches for each of a thousand nodes, and the queue of a watch is bounded; from one host less than half.
  watchesMax: { all: 10_000, client: 4_000 },
};

/** Clients and nodes that are told apart; the one that was silent for longest is forgotten, and begins with a full bucket. */
const bucketsMax = 10_000;

/** When to try again where only the end of another's watch makes room: about a keepalive's time. */
const watchRetryAfterMs = 5_000;

/** Which limit refused a call: a label of stratum_requests_rejected_total. */
type Rejection =
  | 'writes'
  | 'client_writes'
  | 'watch_starts'
  | 'client_watch_starts'
  | 'heartbeats'
  | 'watches'
  | 'client_watches';

/** Holds every client, and all together, to the limits; RATE_LIMITED says when to come back. */
export class RateLimits {
  readonly #options: RateLimitOptions;
  readonly #metrics: Metrics;
  readonly #writes: Buckets;
  readonly #watchStarts: Buckets;
  readonly #heartbeats: Buckets;
  readonly #watchesOf = new Map<string, number>();
  #watches = 0;

  constructor(options: RateLimitOptions, modules: { readonly clock: Clock; readonly metrics: Metrics }) {
    this.#options = options;
    this.#metrics = modules.metrics;
    this.#writes = new Buckets(options.writes, modules);
    this.#watchStarts = new Buckets(options.watchStarts, modules);
    this.#heartbeats = new Buckets({ client: options.heartbeats }, modules);
  }

  /** Watches that are open. */
  get watches(): number {
    return this.#watches;
  }

  /** Before a call that changes something. */
  admitWrite(peer: string): void {
    this.#admit(this.#writes.take(peer), 'client_writes', 'writes');
  }

  /** Before a heartbeat of this node id, which must be a valid one. */
  admitHeartbeat(nodeId: string): void {
    this.#admit(this.#heartbeats.take(nodeId), 'heartbeats', 'heartbeats');
  }

  /** Before a watch; the result must be called, once, when it ends. */
  openWatch(peer: string): () => void {
    const { all, client } = this.#options.watchesMax;
    const ofPeer = this.#watchesOf.get(peer) ?? 0;
    if (ofPeer >= client) throw this.#refusal('client_watches', watchRetryAfterMs);
    if (this.#watches >= all) throw this.#refusal('watches', watchRetryAfterMs);
    this.#admit(this.#watchStarts.take(peer), 'client_watch_starts', 'watch_starts');
    this.#watches += 1;
    this.#watchesOf.set(peer, ofPeer + 1);
    return () => this.#closeWatch(peer);
  }

  #closeWatch(peer: string): void {
    this.#watches -= 1;
    const rest = (this.#watchesOf.get(peer) ?? 0) - 1;
    if (rest > 0) this.#watchesOf.set(peer, rest);
    else this.#watchesOf.delete(peer);
  }

  #admit(wait: Wait, ofClient: Rejection, ofAll: Rejection): void {
    if (wait.clientMs > 0) throw this.#refusal(ofClient, wait.clientMs);
    if (wait.allMs > 0) throw this.#refusal(ofAll, wait.allMs);
  }

  #refusal(reason: Rejection, retryAfterMs: number): StratumError {
    this.#metrics.increment('stratum_requests_rejected_total', { reason });
    const message = `this coordinator takes no more at the moment (${reason}); try again in ${retryAfterMs} ms`;
    return new StratumError('RATE_LIMITED', message, { retryAfterMs });
  }
}

/** Milliseconds until the client, and all together, may go on; 0 for at once. */
interface Wait {
  readonly clientMs: number;
  readonly allMs: number;
}

/** A bucket for each client, and one for all. A client that its own bucket refuses takes nothing from the others. */
class Buckets {
  readonly #clientLimit: RateLimit;
  readonly #clock: Clock;
  readonly #all: TokenBucket | undefined;
  readonly #clients = new LRUCache<string, TokenBucket>({ max: bucketsMax });

  constructor(limits: { readonly client: RateLimit; readonly all?: RateLimit }, modules: { readonly clock: Clock }) {
    this.#clientLimit = limits.client;
    this.#clock = modules.clock;
    this.#all = limits.all === undefined ? undefined : new TokenBucket(limits.all, modules);
  }

  take(client: string): Wait {
    let bucket = this.#clients.get(client);
    if (bucket === undefined) {
      bucket = new TokenBucket(this.#clientLimit, { clock: this.#clock });
      this.#clients.set(client, bucket);
    }
    const clientMs = bucket.take();
    return { clientMs, allMs: clientMs > 0 ? 0 : (this.#all?.take() ?? 0) };
  }
}
