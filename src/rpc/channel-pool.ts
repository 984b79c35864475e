import { Channel, type ChannelCredentials, type ChannelOptions, type Client, credentials } from '@grpc/grpc-js';
import './grpc-log.ts';
import { messageBytesMax } from './limits.ts';

/** A constructor of a generated client. */
export type ClientConstructor<C extends Client> = new (
  address: string,
  channelCredentials: ChannelCredentials,
  options?: Partial<ChannelOptions> & { channelOverride?: Channel },
) => C;

/** How often an idle connection is probed, and how long the answer may take: notices half-open connections. */
const keepaliveTimeMs = 20_000;
const keepaliveTimeoutMs = 5_000;

/** Back-off between connect attempts; a restarted peer is found again within seconds. */
const reconnectBackoffMinMs = 100;
const reconnectBackoffMaxMs = 2_000;

const channelOptions: ChannelOptions = {
  'grpc.keepalive_time_ms': keepaliveTimeMs,
  'grpc.keepalive_timeout_ms': keepaliveTimeoutMs,
  'grpc.initial_reconnect_backoff_ms': reconnectBackoffMinMs,
  'grpc.max_reconnect_backoff_ms': reconnectBackoffMaxMs,
  'grpc.max_receive_message_length': messageBytesMax,
  'grpc.max_send_message_length': messageBytesMax,
  // Without it, two pools in one process (tests, a whole node in one process) would share a closed channel's fate.
  'grpc.use_local_subchannel_pool': 1,
  // Names the peer directly; a proxy from the environment has no place between nodes.
  'grpc.enable_http_proxy': 0,
};

/**
 * One channel per address, shared by all clients of that address: however many callers wait,
 * grpc-js makes one connection. Dropping an address closes its channel after the calls in flight.
 */
export class ChannelPool {
  readonly #channels = new Map<string, Channel>();
  #closed = false;

  /** A client of the service at `address` (host:port). Cheap; clients share the channel. */
  client<C extends Client>(clientClass: ClientConstructor<C>, address: string): C {
    return new clientClass(address, credentials.createInsecure(), {
      channelOverride: this.#channel(address),
    });
  }

  /** Closes the channel of an address that left the topology or answers no more; a later call opens a new one. */
  drop(address: string): void {
    this.#channels.get(address)?.close();
    this.#channels.delete(address);
  }

  /** Closes all channels; calls made afterwards fail. */
  close(): void {
    this.#closed = true;
    for (const channel of this.#channels.values()) channel.close();
    this.#channels.clear();
  }

  #channel(address: string): Channel {
    const known = this.#channels.get(address);
    if (known !== undefined) return known;
    const channel = new Channel(address, credentials.createInsecure(), channelOptions);
    if (this.#closed) channel.close();
    else this.#channels.set(address, channel);
    return channel;
  }
}
