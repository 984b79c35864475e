import { Server, ServerCredentials, type ServiceDefinition, type UntypedServiceImplementation } from '@grpc/grpc-js';
import { HealthImplementation } from 'grpc-health-check';
import { type Clock, systemClock } from '../base/clock.ts';
import { StratumError } from '../base/errors.ts';
import type { Part } from '../base/lifecycle.ts';
import './grpc-log.ts';
import { messageBytesMax } from './limits.ts';
import { addReflection } from './reflection.ts';

/** Where to listen; port 0 lets the system choose. */
export interface GrpcServerOptions {
  readonly host: string;
  readonly port: number;
  /** Bytes of the largest message that is taken in. Default: room for the largest push. */
  readonly receivedBytesMax?: number;
}

/** What calls in flight may take at a stop: half of what a part has, so that the stop itself succeeds. */
const stopGraceMs = 5_000;

/** The gRPC listener of a process: its services, the standard health service, and reflection. */
export class GrpcServer implements Part {
  readonly name = 'gRPC listener';
  readonly #options: GrpcServerOptions;
  readonly #clock: Clock;
  readonly #server: Server;
  readonly #health = new HealthImplementation({ '': 'NOT_SERVING' });
  readonly #services: string[] = [];
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
  }

  /** Adds a service; before or after the start. */
  add(definition: ServiceDefinition, implementation: UntypedServiceImplementation): void {
    this.#server.addService(definition, implementation);
    const [method] = Object.values(definition);
    const name = method?.path.split('/')[1];
    if (name !== undefined) this.#services.push(name);
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
    const target = `${host.includes(':') ? `[${host}]` : host}:${port}`;
    this.#port = await new Promise<number>((resolve, reject) => {
      this.#server.bindAsync(target, ServerCredentials.createInsecure(), (error, bound) => {
        if (error === null) resolve(bound);
        else reject(listenError(target, error));
      });
    });
  }

  /** Refuses new calls, lets those in flight finish for a while, then ends them; the signal ends them earlier. */
  stop(signal: AbortSignal): Promise<void> {
    this.setServing(false);
    return new Promise((resolve) => {
      const force = () => this.#server.forceShutdown();
      const grace = this.#clock.after(stopGraceMs, force);
      signal.addEventListener('abort', force, { once: true });
      this.#server.tryShutdown(() => {
        grace.cancel();
        signal.removeEventListener('abort', force);
        resolve();
      });
    });
  }
}

function listenError(target: string, error: Error): StratumError {
  // grpc-js reports a failed bind by text only; EADDRINUSE stands in it as the system's own name.
  const taken = error.message.includes('EADDRINUSE');
  return taken
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
