import {
  type Channel,
  type ChannelCredentials,
  type ChannelOptions,
  type Client,
  connectivityState,
  credentials,
  type Interceptor,
} from '@grpc/grpc-js';
import { type Clock, systemClock } from '../base/clock.ts';
import { ClosableChannel } from './closable-channel.ts';
import './grpc-log.ts';
import { messageBytesMax } from './limits.ts';

/** A constructor of a generated client. */
export type ClientConstructor<C extends Client> = new (
  address: string,
  channelCredentials: ChannelCredentials,
  options?: Partial<ChannelOptions> & { channelOverride?: Channel; interceptors?: Interceptor[] },
) => C;

/** Values of a pool; each has a default. */
export interface ChannelPoolOptions {
  /** Milliseconds after which a channel is replaced, so that none outlives a change of routes or names. Default: 30 min. */
  readonly ageMaxMs?: number;
  /** Milliseconds without a call after which a connection is closed; at least 1 s. Default: 5 min. */
  readonly idleMaxMs?: number;
  /** Milliseconds of silence after which a connection is probed. Default: 20 s. */
  readonly keepaliveTimeMs?: number;
  /** Milliseconds that the answer to a probe may take before the connection counts as broken. Default: 5 s. */
  readonly keepaliveTimeoutMs?: number;
}

/** What a pool is made with. */
export interface ChannelPoolModules {
  readonly clock: Clock;
  /** Put around every call of every client. */
  readonly interceptors?: readonly Interceptor[];
}

/** Why a channel was closed before the pool was. */
export type EvictionReason = 'error' | 'age' | 'idle' | 'left';

/** How the connection of a channel is; grpc-js's own states. */
export type ChannelHealth = 'idle' | 'connecting' | 'ready' | 'failing';

/** What a pool has done since it was made, and the channels that it has now. */
export interface ChannelPoolStats {
  readonly size: number;
  readonly health: Readonly<Record<ChannelHealth, number>>;
  /** Clients that were given on a channel that was there. */
  readonly hits: number;
  /** Clients for which a channel was made. */
  readonly misses: number;
  readonly evictions: Readonly<Record<EvictionReason, number>>;
}

/** Stands for one channel of an address: its successor has another one. */
export type ChannelTicket = object;

/** Back-off between connect attempts; a restarted peer is found again within seconds. */
const reconnectBackoffMinMs = 100;
const reconnectBackoffMaxMs = 2_000;

/** How often channels that nobody asks for any more are looked for: at the next call after that. */
const sweepIntervalMs = 60_000;

interface Entry {
  readonly channel: ClosableChannel;
  readonly createdMs: number;
  usedMs: number;
}

/**
 * One channel per address, shared by all clients of that address: however many callers wait,
 * grpc-js makes one connection. A channel that is closed lets the calls in flight finish, and those
 * that come later get a new one. An idle pool has no timers: it does not keep its process alive.
 */
export class ChannelPool {
  readonly #entries = new Map<string, Entry>();
  readonly #options: Required<ChannelPoolOptions>;
  readonly #clock: Clock;
  readonly #interceptors: Interceptor[];
  readonly #evictions: Record<EvictionReason, number> = { error: 0, age: 0, idle: 0, left: 0 };
  #hits = 0;
  #misses = 0;
  #sweptMs: number;
  #closed = false;

  constructor(options: ChannelPoolOptions = {}, modules: ChannelPoolModules = { clock: systemClock }) {
    this.#options = {
      ageMaxMs: options.ageMaxMs ?? 1_800_000,
      idleMaxMs: options.idleMaxMs ?? 300_000,
      keepaliveTimeMs: options.keepaliveTimeMs ?? 20_000,
      keepaliveTimeoutMs: options.keepaliveTimeoutMs ?? 5_000,
    };
    this.#clock = modules.clock;
    this.#interceptors = [...(modules.interceptors ?? [])];
    this.#sweptMs = modules.clock.monotonicMs();
  }

  /** A client of the service at `address` (host:port), for one call or one stream. Cheap; clients share the channel. */
  client<C extends Client>(clientClass: ClientConstructor<C>, address: string): C {
    return new clientClass(address, credentials.createInsecure(), {
      channelOverride: this.#channel(address),
      ...(this.#interceptors.length === 0 ? {} : { interceptors: this.#interceptors }),
    });
  }

  /** The channel that a call to `address` would have now, for `evict`; undefined while there is none. */
  ticket(address: string): ChannelTicket | undefined {
    return this.#entries.get(address);
  }

  /**
   * Closes a channel on which a call has failed, unless it has been replaced already: of a hundred
   * callers that fail together, the first one evicts, and the new channel is everybody's.
   */
  evict(address: string, failed: ChannelTicket | undefined): void {
    if (failed !== undefined && this.#entries.get(address) === failed) this.#remove(address, 'error');
  }

  /** Closes the channel of an address that left the topology; a later call opens a new one. */
  drop(address: string): void {
    if (this.#entries.has(address)) this.#remove(address, 'left');
  }

  /** Counts, and how the connections are. */
  stats(): ChannelPoolStats {
    const health: Record<ChannelHealth, number> = { idle: 0, connecting: 0, ready: 0, failing: 0 };
    for (const { channel } of this.#entries.values()) health[healthOf(channel)] += 1;
    const evictions = { ...this.#evictions };
    return { size: this.#entries.size, health, hits: this.#hits, misses: this.#misses, evictions };
  }

  /** Closes all channels; calls made afterwards fail. */
  close(): void {
    this.#closed = true;
    for (const { channel } of this.#entries.values()) channel.close();
    this.#entries.clear();
  }

  #channel(address: string): Channel {
    const nowMs = this.#clock.monotonicMs();
    this.#sweep(nowMs);
    const known = this.#entries.get(address);
    if (known !== undefined && nowMs - known.createdMs < this.#options.ageMaxMs) {
      this.#hits += 1;
      known.usedMs = nowMs;
      return known.channel.channel;
    }
    if (known !== undefined) this.#remove(address, 'age');
    this.#misses += 1;
    const channel = new ClosableChannel(address, this.#channelOptions(), { clock: this.#clock });
    if (this.#closed) channel.channel.close();
    else this.#entries.set(address, { channel, createdMs: nowMs, usedMs: nowMs });
    return channel.channel;
  }

  /** grpc-js closes idle connections itself, and never one with a stream on it; this frees the channels that are left. */
  #sweep(nowMs: number): void {
    if (nowMs - this.#sweptMs < sweepIntervalMs) return;
    this.#sweptMs = nowMs;
    for (const [address, { channel, usedMs }] of this.#entries) {
      const isUnused = nowMs - usedMs >= this.#options.idleMaxMs;
      if (isUnused && ['idle', 'failing'].includes(healthOf(channel))) this.#remove(address, 'idle');
    }
  }

  #remove(address: string, reason: EvictionReason): void {
    this.#entries.get(address)?.channel.close();
    this.#entries.delete(address);
    this.#evictions[reason] += 1;
  }

  #channelOptions(): ChannelOptions {
    return {
      'grpc.keepalive_time_ms': this.#options.keepaliveTimeMs,
      'grpc.keepalive_timeout_ms': this.#options.keepaliveTimeoutMs,
      // A connection that broke while nobody called is noticed before somebody waits for it.
      'grpc.keepalive_permit_without_calls': 1,
      'grpc.client_idle_timeout_ms': this.#options.idleMaxMs,
      'grpc.initial_reconnect_backoff_ms': reconnectBackoffMinMs,
      'grpc.max_reconnect_backoff_ms': reconnectBackoffMaxMs,
      'grpc.max_receive_message_length': messageBytesMax,
      'grpc.max_send_message_length': messageBytesMax,
      // Without it, two pools in one process (tests, a whole node in one process) would share a closed channel's fate.
      'grpc.use_local_subchannel_pool': 1,
      // Names the peer directly; a proxy from the environment has no place between nodes.
      'grpc.enable_http_proxy': 0,
    };
  }
}

function healthOf({ channel }: ClosableChannel): ChannelHealth {
  switch (channel.getConnectivityState(false)) {
    case connectivityState.READY:
      return 'ready';
    case connectivityState.CONNECTING:
      return 'connecting';
    case connectivityState.TRANSIENT_FAILURE:
      return 'failing';
    default:
      return 'idle';
  }
}
