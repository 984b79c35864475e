import { createServer, type Server as HttpServer, type IncomingMessage, type RequestListener } from 'node:http';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { Server, ServerCredentials, type ServiceDefinition, type UntypedServiceImplementation } from '@grpc/grpc-js';
import { HealthImplementation } from 'grpc-health-check';
import { type Clock, systemClock } from '../base/clock.ts';
import { StratumError, systemCode } from '../base/errors.ts';
import type { Part } from '../base/lifecycle.ts';
import { KiB, MiB } from '../base/units.ts';
import { blobFramesProtocol } from './blob-frames.ts';
import './grpc-log.ts';
import type { StreamService } from './frame-service.ts';
import { messageBytesMax } from './limits.ts';
import { addReflection } from './reflection.ts';
import { setServerEnding } from './server-ending.ts';
import { splitProtocols } from './split-protocols.ts';

/** Where to listen; port 0 lets the system choose. */
export interface GrpcServerOptions {
  readonly host: string;
  readonly port: number;
  /** Bytes of the largest message that is taken in. Default: room for the largest push. */
  readonly receivedBytesMax?: number;
  /** Streams of frames at once; 2,048 unless given. */
  readonly streamsMax?: number;
}

/** What calls in flight may take at a stop: half of what a part has, so that the stop itself succeeds. */
const stopGraceMs = 5_000;

/**
 * Limits of HTTP/1.1. Ours sends a dozen short headers at once, and gives an idle connection up after half
 * the time that the listener keeps it, so that it never writes to one that is being closed.
 */
const httpLimits = {
  maxHeaderSize: 8 * KiB,
  headersTimeout: 10_000,
  keepAliveTimeout: 60_000,
  // How long a body may take is the caller's deadline, which whoever answers the request holds.
  requestTimeout: 0,
  // What waits for the disk: read together, so that the store writes it at once.
  highWaterMark: MiB,
};
const httpHeadersMax = 32;

/** Two for each process that writes or reads blobs, with room for a thousand of them. */
const streamsMaxDefault = 2_048;

/**
 * The listener of a process: its gRPC services, the standard health service, reflection, and on the
 * same port what is served over HTTP/1.1.
 */
export class GrpcServer implements Part {
  readonly name = 'gRPC listener';
  readonly #options: GrpcServerOptions;
  readonly #clock: Clock;
  readonly #server: Server;
  readonly #http: HttpServer;
  readonly #health = new HealthImplementation({ '': 'NOT_SERVING' });
  readonly #services: string[] = [];
  /** Connections that have not said what they speak. */
  readonly #undecided = new Set<Socket>();
  /** Connections that were upgraded to streams of frames; HTTP knows of them no more. */
  readonly #upgraded = new Set<Socket>();
  readonly #ending = new AbortController();
  #requests: RequestListener = (_, response) => response.writeHead(404, { connection: 'close' }).end();
  #streams: ReadonlyMap<string, StreamService> = new Map();
  #port: number | undefined;

  constructor(options: GrpcServerOptions, modules: { readonly clock: Clock } = { clock: systemClock }) {
    this.#options = options;
    this.#clock = modules.clock;
    this.#server = new Server({
      'grpc.max_receive_message_length': options.receivedBytesMax ?? messageBytesMax,
      'grpc.max_send_message_length': messageBytesMax,
    });
    this.#health.addToServer(this.#server);
    addReflection(this.#server);
    this.#http = this.#createHttpServer();
  }

  /** Adds a service; before or after the start. */
  add(definition: ServiceDefinition, implementation: UntypedServiceImplementation): void {
    this.#server.addService(definition, withEnding(implementation, this.#ending.signal));
    const [method] = Object.values(definition);
    const name = method?.path.split('/')[1];
    if (name !== undefined) this.#services.push(name);
  }

  /** Serves requests over HTTP/1.1; 404 for all of them without it. */
  serveHttp(requests: RequestListener): void {
    this.#requests = requests;
  }

  /** Serves streams of frames (blob-frames.ts), by the path that is asked for; none without it. */
  serveStreams(streams: ReadonlyMap<string, StreamService>): void {
    this.#streams = streams;
  }

  /** host:port once it listens. */
  get address(): string {
    if (this.#port === undefined) throw new StratumError('INTERNAL', 'the gRPC listener has not been started');
    const { host } = this.#options;
    return `${host.includes(':') ? `[${host}]` : host}:${this.#port}`;
  }

  /** What the health service answers for the process and each of its services. */
  setServing(serving: boolean): void {
    for (const service of ['', ...this.#services]) {
      this.#health.setStatus(service, serving ? 'SERVING' : 'NOT_SERVING');
    }
  }

  async start(): Promise<void> {
    const { host, port } = this.#options;
    await new Promise<void>((resolve, reject) => {
      const refuse = (error: Error) => reject(listenError(`${host}:${port}`, error));
      this.#http.once('error', refuse);
      this.#http.listen({ host, port }, () => {
        this.#http.off('error', refuse);
        resolve();
      });
    });
    const bound = this.#http.address();
    this.#port = typeof bound === 'object' && bound !== null ? bound.port : port;
  }

  /** Refuses new calls, lets those in flight finish for a while, then ends them; the signal ends them earlier. */
  async stop(signal: AbortSignal): Promise<void> {
    this.setServing(false);
    const force = () => {
      this.#server.forceShutdown();
      this.#http.closeAllConnections();
      for (const socket of this.#upgraded) socket.destroy();
    };
    const grace = this.#clock.after(stopGraceMs, force);
    signal.addEventListener('abort', force, { once: true });
    const closed = new Promise((resolve) => this.#http.close(resolve));
    for (const socket of this.#undecided) socket.destroy();
    this.#ending.abort(new StratumError('SHUTTING_DOWN', 'the process is ending'));
    const shutDown = new Promise((resolve) => this.#server.tryShutdown(resolve));
    if (signal.aborted) force();
    await Promise.all([closed, shutDown]);
    grace.cancel();
    signal.removeEventListener('abort', force);
  }

  /** The one TCP listener: HTTP/1.1 is its own, and connections of HTTP/2 go to gRPC. */
  #createHttpServer(): HttpServer {
    const requests: RequestListener = (request, response) => {
      // A connection that a stop finds busy is closed with the answer.
      if (this.#ending.signal.aborted) response.shouldKeepAlive = false;
      else response.once('close', () => this.#ending.signal.aborted && this.#http.closeIdleConnections());
      this.#requests(request, response);
    };
    const shouldUpgradeCallback = (request: IncomingMessage) => this.#streamOf(request) !== undefined;
    const http = createServer({ ...httpLimits, shouldUpgradeCallback }, requests).on('checkContinue', requests);
    http.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head));
    http.maxHeadersCount = httpHeadersMax;
    const injector = this.#server.createConnectionInjector(ServerCredentials.createInsecure());
    const takeHttp1 = http.listeners('connection');
    http.removeAllListeners('connection');
    http.on('connection', (socket) => {
      this.#undecided.add(socket);
      const takers = {
        http2: () => {
          this.#undecided.delete(socket);
          socket.allowHalfOpen = false; // Only HTTP/1.1 answers who has closed its own side.
          injector.injectConnection(socket);
        },
        http1: () => {
          this.#undecided.delete(socket);
          for (const take of takeHttp1) take.call(http, socket);
        },
      };
      socket.once('close', () => this.#undecided.delete(socket));
      splitProtocols(socket, takers, this.#clock);
    });
    return http;
  }

  #streamOf({ method, url = '', headers: { upgrade } }: IncomingMessage): StreamService | undefined {
    return method === 'GET' && upgrade === blobFramesProtocol ? this.#streams.get(url) : undefined;
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const take = this.#streamOf(request);
    socket.on('error', () => undefined); // HTTP listens no more; "close" follows.
    if (take === undefined || !(socket instanceof Socket)) {
      socket.destroy();
      return;
    }
    const { streamsMax = streamsMaxDefault } = this.#options;
    if (this.#ending.signal.aborted || this.#upgraded.size >= streamsMax) {
      socket.end('HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\ncontent-length: 0\r\n\r\n');
      socket.once('finish', () => socket.destroy());
      return;
    }
    this.#upgraded.add(socket);
    socket.once('close', () => this.#upgraded.delete(socket));
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: ${blobFramesProtocol}\r\n\r\n`);
    take(socket, head, { clock: this.#clock, ending: this.#ending.signal });
  }
}

/** Lets the handlers of long streams know when the listener stops. */
function withEnding(implementation: UntypedServiceImplementation, ending: AbortSignal): UntypedServiceImplementation {
  return Object.fromEntries(
    Object.entries(implementation).map(([name, handler]) => {
      const handle: typeof handler = (call: object, ...rest: unknown[]) => {
        setServerEnding(call, ending);
        return Reflect.apply(handler, implementation, [call, ...rest]);
      };
      return [name, handle];
    }),
  );
}

function listenError(target: string, error: Error): StratumError {
  return systemCode(error) === 'EADDRINUSE'
    ? new StratumError('PORT_IN_USE', `cannot listen on ${target}: another process does`, undefined, {
        hint: 'stop that process, or choose another address with --listen',
        cause: error,
      })
    : new StratumError('INVALID_ARGUMENT', `cannot listen on ${target}: ${error.message}`, {
        field: 'listen',
        reason: error.message,
        expected: 'an address of this machine',
      });
}
