import type { Socket } from 'node:net';
import { Channel, type ChannelCredentials, type ChannelOptions, connectivityState, credentials } from '@grpc/grpc-js';
import type { Clock } from '../base/clock.ts';

/** Milliseconds that the peer may take to close its side of a connection on which all has been said. */
const lingerMs = 5_000;

/** What grpc-js asks before and during each connect attempt of a channel. */
type Connector = ReturnType<ChannelCredentials['_createSecureConnector']>;

/**
 * A channel without TLS of which nothing is left when it is closed, but for the calls in flight, which finish.
 * grpc-js alone goes on with a channel that is closed in the pause after a failed attempt, or before the address of its
 * first call has been looked at: it connects later, and nobody would own that connection. And it waits for ever for a peer
 * that accepted the connection and has not spoken yet, and for one that is not heard any more to close its side.
 */
export class ClosableChannel {
  readonly channel: Channel;
  readonly #clock: Clock;
  #isClosed = false;
  /** Of the attempt under way: the connection on which the peer has not spoken. */
  #attempt: Socket | undefined;

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
    this.#clock.after(0, () => {
      const isConnecting = this.channel.getConnectivityState(false) === connectivityState.CONNECTING;
      this.channel.close();
      if (isConnecting) this.#attempt?.destroy();
    });
  }

  /** A session ends its side when its last call has ended; then nothing is to come but the end of the other side. */
  #boundLinger(socket: Socket): void {
    socket.once('finish', () => {
      const timer = this.#clock.after(lingerMs, () => socket.destroy());
      socket.once('close', () => timer.cancel());
    });
  }

  #guarded(inner: Connector): Connector {
    const refuseWhenClosed = () => {
      if (this.#isClosed) throw new Error('the channel has been closed');
    };
    return {
      waitForReady: async () => {
        refuseWhenClosed();
        this.#attempt = undefined; // That of the attempt before has calls of its own by now, or is gone.
        await inner.waitForReady();
      },
      connect: async (socket) => {
        refuseWhenClosed();
        this.#attempt = socket;
        this.#boundLinger(socket);
        return inner.connect(socket);
      },
      getCallCredentials: () => inner.getCallCredentials(),
      destroy: () => inner.destroy(),
    };
  }
}
