import { connect, createServer, type Server, type Socket } from 'node:net';
import { onBothClosed } from './both-closed.ts';
import type { Holders } from './process-tree.ts';

/** Everybody who is not named: the test, clients, nodes that cannot be cut off. */
const outside = 'outside';

/** What of a party's traffic is lost: all of it, what it sends, or what is sent to it. */
export type CutDirection = 'both' | 'sent' | 'received';

/**
 * A network whose parties can be cut off. Lost bytes are swallowed: connections stay open, new ones are taken, and an
 * end does not get through either. A connection that has lost something is reset when the network heals, for a stream
 * with a hole in it is none.
 */
export class Network {
  readonly #look: () => Holders;
  readonly #proxies: TcpProxy[] = [];
  readonly #connections = new Set<Connection>();
  readonly #cuts = new Map<string, CutDirection>();
  readonly #lostBytes = new Map<string, number>();

  /** `look` finds out which party has begun which connection; it takes its time, and is asked only when something is cut. */
  constructor(modules: { readonly look: () => Holders }) {
    this.#look = modules.look;
  }

  /** A port that leads to a party's own port; gives host:port. */
  async proxy(party: string, targetPort: number): Promise<string> {
    const proxy = new TcpProxy((client) => {
      const connection = new Connection({ party, targetPort }, { client, network: this });
      if (this.#cuts.size > 0) connection.learnDialer(this.#look());
      this.#connections.add(connection);
      connection.onClosed(() => this.#connections.delete(connection));
    });
    this.#proxies.push(proxy);
    return proxy.listen();
  }

  /** From now on the party's traffic is lost, with everybody. */
  cut(party: string, direction: CutDirection): void {
    const holders = this.#look();
    for (const connection of this.#connections) connection.learnDialer(holders);
    this.#cuts.set(party, direction);
    this.#lostBytes.clear();
  }

  /** Nothing is lost any more. */
  heal(): void {
    this.#cuts.clear();
    for (const connection of [...this.#connections]) connection.resetIfBroken();
  }

  /** What a party says to itself is never lost. */
  isLost(from: string, to: string): boolean {
    const ofSender = this.#cuts.get(from);
    const ofReceiver = this.#cuts.get(to);
    const isLost = [ofSender, ofReceiver].includes('both') || ofSender === 'sent' || ofReceiver === 'received';
    return isLost && from !== to;
  }

  /** Called by connections. */
  lose(from: string, to: string, bytes: number): void {
    const link = linkOf(from, to);
    this.#lostBytes.set(link, (this.#lostBytes.get(link) ?? 0) + bytes);
  }

  /** Bytes that were swallowed on the way since the last cut. */
  lostBytes(from: string, to: string): number {
    return this.#lostBytes.get(linkOf(from, to)) ?? 0;
  }

  async close(): Promise<void> {
    for (const connection of [...this.#connections]) connection.reset();
    await Promise.all(this.#proxies.map((proxy) => proxy.close()));
  }
}

function linkOf(from: string, to: string): string {
  return `${from} to ${to}`;
}

/** One listening port. */
class TcpProxy {
  readonly #server: Server;

  constructor(onClient: (client: Socket) => void) {
    this.#server = createServer({ noDelay: true }, onClient);
  }

  async listen(): Promise<string> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#server.once('error', reject).listen(0, '127.0.0.1', resolve);
    await promise;
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('a TCP listener without a port');
    return `127.0.0.1:${address.port}`;
  }

  close(): Promise<void> {
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }
}

/** Two sockets that pass on what comes, as far as the network lets them. */
class Connection {
  readonly #client: Socket;
  readonly #server: Socket;
  readonly #network: Network;
  #dialer = outside;
  #isBroken = false;

  constructor(
    { party, targetPort }: { readonly party: string; readonly targetPort: number },
    modules: { readonly client: Socket; readonly network: Network },
  ) {
    this.#client = modules.client;
    this.#network = modules.network;
    this.#server = connect({ host: '127.0.0.1', port: targetPort, noDelay: true });
    const dialer = () => this.#dialer;
    this.#forward(this.#client, this.#server, dialer, () => party);
    this.#forward(this.#server, this.#client, () => party, dialer);
  }

  learnDialer(holders: Holders): void {
    this.#dialer = holders(this.#client.remotePort ?? 0, this.#client.localPort ?? 0) ?? outside;
  }

  onClosed(listener: () => void): void {
    onBothClosed(this.#client, this.#server, listener);
  }

  reset(): void {
    this.#client.destroy();
    this.#server.destroy();
  }

  resetIfBroken(): void {
    if (this.#isBroken) this.reset();
  }

  #forward(source: Socket, sink: Socket, from: () => string, to: () => string): void {
    source.on('error', () => undefined); // Its close follows, and is what the other side hears of.
    source.on('data', (chunk: Buffer) => {
      if (this.#network.isLost(from(), to())) {
        this.#isBroken = true;
        this.#network.lose(from(), to(), chunk.length);
      } else if (!sink.destroyed && !sink.write(chunk)) {
        source.pause();
        sink.once('drain', () => source.resume());
      }
    });
    source.once('close', () => {
      if (this.#network.isLost(from(), to())) this.#isBroken = true;
      else sink.destroySoon();
    });
  }
}
