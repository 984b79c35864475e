import { Channel, type ChannelCredentials, type ChannelOptions, credentials } from '@grpc/grpc-js';
import type { Clock } from '../base/clock.ts';

/** What grpc-js asks before and during each connect attempt of a channel. */
type Connector = ReturnType<ChannelCredentials['_createSecureConnector']>;

/**
 * A channel without TLS of which nothing is left when it is closed, but for the calls in flight, which finish.
 * grpc-js alone goes on with a channel that is closed in the pause after a failed attempt, or before the address of its
 * first call has been looked at: it connects later, and nobody would own that connection.
 */
export class ClosableChannel {
  readonly channel: Channel;
  readonly #clock: Clock;
  #isClosed = false;

  constructor(address: string, options: ChannelOptions, modules: { readonly clock: Clock }) {
    this.#clock = modules.clock;
    const insecure = credentials.createInsecure();
    const create = insecure._createSecureConnector.bind(insecure);
    insecure._createSecureConnector = (...asked) => this.#guarded(create(...asked));
    this.channel = new Channel(address, insecure, options);
  }

  /** From now on it opens no connection; it closes a turn of the event loop later. */
  close(): void {
    this.#isClosed = true;
    // In that turn the address of its first call is looked at: closed before, it would begin to connect for ever then.
    this.#clock.after(0, () => this.channel.close());
  }

  #guarded(inner: Connector): Connector {
    const refuseWhenClosed = () => {
      if (this.#isClosed) throw new Error('the channel has been closed');
    };
    return {
      waitForReady: async () => {
        refuseWhenClosed();
        await inner.waitForReady();
      },
      connect: async (socket) => {
        refuseWhenClosed();
        return inner.connect(socket);
      },
      getCallCredentials: () => inner.getCallCredentials(),
      destroy: () => inner.destroy(),
    };
  }
}
