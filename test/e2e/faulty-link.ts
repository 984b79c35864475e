import { connect, createServer, type Server, type Socket } from 'node:net';
import { onBothClosed } from './both-closed.ts';
import { takePort } from './test-ports.ts';

/** Which way bytes go through a link. */
export type LinkDirection = 'to-node' | 'from-node';

/** What is wrong with a link. Bytes are counted for each connection and direction, from the fault's beginning. */
export type LinkFault =
  /** Nothing listens, and what was open is reset. */
  | { readonly kind: 'refuse' }
  /** Every connection is reset as soon as it is there. */
  | { readonly kind: 'reset' }
  /** Connections are accepted, and no byte is read of them any more, or none once so many have come from the node. */
  | { readonly kind: 'stall'; readonly afterBytes?: number }
  /** Every byte comes later, both ways. */
  | { readonly kind: 'delay'; readonly delayMs: number }
  /** The connection is reset once so many bytes have passed. */
  | { readonly kind: 'cut'; readonly direction: LinkDirection; readonly afterBytes: number }
  /** Bytes one way are swallowed; the other way is sound, and nobody hears of it. */
  | { readonly kind: 'lose'; readonly direction: LinkDirection }
  /** One bit of the byte `firstByte` is flipped, and of each that is a multiple of `everyBytes` behind it. */
  | {
      readonly kind: 'flip';
      readonly direction: LinkDirection;
      readonly firstByte: number;
      readonly everyBytes: number;
    };

const host = '127.0.0.1';

/**
 * A port that leads to another one, and does to what passes what a bad network does. It stays the
 * same port through every fault. Ending a fault resets the connections that it has damaged.
 */
export class FaultyLink {
  readonly address: string;
  readonly #port: number;
  readonly #targetPort: number;
  readonly #pipes = new Set<Pipe>();
  #server: Server | undefined;
  #fault: LinkFault | undefined;
  #hits = 0;

  private constructor(port: number, targetPort: number) {
    this.#port = port;
    this.#targetPort = targetPort;
    this.address = `${host}:${port}`;
  }

  static async open(targetPort: number): Promise<FaultyLink> {
    const link = new FaultyLink(await takePort(), targetPort);
    await link.#listen();
    return link;
  }

  /** How often the present fault has struck: connections or chunks, whatever it strikes. */
  get hits(): number {
    return this.#hits;
  }

  get fault(): LinkFault | undefined {
    return this.#fault;
  }

  /** From now on, for connections that are open as for new ones. */
  async break(fault: LinkFault): Promise<void> {
    this.#fault = fault;
    this.#hits = 0;
    for (const pipe of this.#pipes) pipe.beginFault();
    if (fault.kind === 'reset' || fault.kind === 'refuse') this.#resetAll();
    if (fault.kind === 'refuse') await this.#stopListening();
  }

  /** The link is sound again. */
  async heal(): Promise<void> {
    this.#fault = undefined;
    for (const pipe of [...this.#pipes]) if (pipe.isDamaged) pipe.reset();
    if (this.#server === undefined) await this.#listen();
  }

  async close(): Promise<void> {
    this.#resetAll();
    await this.#stopListening();
  }

  /** Called by pipes. */
  strike(): void {
    this.#hits += 1;
  }

  #resetAll(): void {
    for (const pipe of [...this.#pipes]) {
      this.strike();
      pipe.reset();
    }
  }

  #accept(client: Socket): void {
    if (this.#fault?.kind === 'reset') {
      this.strike();
      client.on('error', () => undefined).resetAndDestroy();
      return;
    }
    const server = connect({ host, port: this.#targetPort, noDelay: true });
    const pipe = new Pipe({ client, server, link: this });
    this.#pipes.add(pipe);
    pipe.onClosed(() => this.#pipes.delete(pipe));
  }

  async #listen(): Promise<void> {
    const server = createServer({ noDelay: true }, (client) => this.#accept(client));
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    server.once('error', reject).listen(this.#port, host, resolve);
    await promise;
    this.#server = server;
  }

  async #stopListening(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server !== undefined) await new Promise<void>((resolve) => server.close(() => resolve()));
  }
}

/** One connection through a link: two sockets. */
class Pipe {
  readonly #client: Socket;
  readonly #server: Socket;
  readonly #link: FaultyLink;
  readonly #passedBytes: Record<LinkDirection, number> = { 'to-node': 0, 'from-node': 0 };
  /** Something of its stream is lost or held back. */
  isDamaged = false;

  constructor(modules: { readonly client: Socket; readonly server: Socket; readonly link: FaultyLink }) {
    this.#client = modules.client;
    this.#server = modules.server;
    this.#link = modules.link;
    this.#forward(this.#client, this.#server, 'to-node');
    this.#forward(this.#server, this.#client, 'from-node');
    this.beginFault();
  }

  beginFault(): void {
    this.#passedBytes['to-node'] = 0;
    this.#passedBytes['from-node'] = 0;
    const fault = this.#link.fault;
    if (fault?.kind === 'stall' && fault.afterBytes === undefined) this.#stall();
  }

  #stall(): void {
    this.isDamaged = true;
    this.#link.strike();
    this.#client.pause();
    this.#server.pause();
  }

  onClosed(listener: () => void): void {
    onBothClosed(this.#client, this.#server, listener);
  }

  reset(): void {
    reset(this.#client);
    reset(this.#server);
  }

  #forward(source: Socket, sink: Socket, direction: LinkDirection): void {
    source.on('error', () => undefined); // Its close follows, and is what the other side hears of.
    source.on('data', (chunk: Buffer) => this.#pass(chunk, source, sink, direction));
    source.once('close', () => {
      // An end is lost and held back as the bytes before it are.
      const fault = this.#link.fault;
      if (fault?.kind === 'stall' || (fault?.kind === 'lose' && fault.direction === direction)) this.isDamaged = true;
      else if (fault?.kind === 'delay') setTimeout(() => sink.destroySoon(), fault.delayMs);
      else sink.destroySoon();
    });
  }

  #pass(chunk: Buffer, source: Socket, sink: Socket, direction: LinkDirection): void {
    const fault = this.#link.fault;
    const from = this.#passedBytes[direction];
    this.#passedBytes[direction] += chunk.length;
    const isHere = fault !== undefined && (!('direction' in fault) || fault.direction === direction);
    if (!isHere) {
      write(chunk, source, sink);
    } else if (fault.kind === 'delay') {
      this.#link.strike();
      setTimeout(() => write(chunk, source, sink), fault.delayMs);
    } else if (fault.kind === 'lose') {
      this.isDamaged = true;
      this.#link.strike();
    } else if (fault.kind === 'stall') {
      write(chunk, source, sink);
      if (direction === 'from-node' && from + chunk.length >= (fault.afterBytes ?? 0)) this.#stall();
    } else if (fault.kind === 'cut') {
      write(chunk.subarray(0, fault.afterBytes - from), source, sink);
      if (from + chunk.length >= fault.afterBytes) this.#cut(source, sink);
    } else {
      write(fault.kind === 'flip' ? this.#flipped(chunk, from, fault) : chunk, source, sink);
    }
  }

  /** What came before the cut is given time to arrive: a reset would overtake it. */
  #cut(source: Socket, sink: Socket): void {
    this.#link.strike();
    source.pause();
    sink.end(() => this.reset());
  }

  #flipped(chunk: Buffer, from: number, fault: LinkFault & { readonly kind: 'flip' }): Buffer {
    const rest = (from - fault.firstByte) % fault.everyBytes;
    let at = from < fault.firstByte ? fault.firstByte - from : (fault.everyBytes - rest) % fault.everyBytes;
    for (; at < chunk.length; at += fault.everyBytes) {
      chunk[at] = (chunk[at] ?? 0) ^ (1 << ((from + at) % 8));
      this.isDamaged = true;
      this.#link.strike();
    }
    return chunk;
  }
}

/**
 * Closes a socket at once, with a reset. While its own end is on its way to the system, for a turn of the event loop, Node
 * cannot (EINVAL), and forgets the socket with its descriptor open. All has been written by then, and it is closed
 * without a reset, as it would be a turn later.
 */
function reset(socket: Socket): void {
  const isEndUnderWay = socket.writableEnded && socket.writableLength === 0 && !socket.writableFinished;
  if (isEndUnderWay) socket.destroy();
  else socket.resetAndDestroy();
}

function write(chunk: Buffer, source: Socket, sink: Socket): void {
  if (sink.destroyed || chunk.length === 0 || sink.write(chunk)) return;
  source.pause();
  sink.once('drain', () => source.resume());
}
