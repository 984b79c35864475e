import Fastify, { type FastifyInstance } from 'fastify';
import { StratumError, systemCode } from '../base/errors.ts';
import type { Part } from '../base/lifecycle.ts';
import type { Metrics } from './metrics.ts';

/** A scrape asks for a page of some kilobytes; whoever is slower than Prometheus' own time-out has gone. */
const requestTimeoutMs = 10_000;

/** Scrapers that may be connected at the same time: a pair of Prometheus servers, and people with curl. */
const connectionsMax = 64;

/** Where to listen; port 0 lets the system choose. */
export interface MetricsListenerOptions {
  readonly host: string;
  readonly port: number;
}

/** Serves the metrics of the process at GET /metrics, for Prometheus. */
export class MetricsListener implements Part {
  readonly name = 'metrics listener';
  readonly #options: MetricsListenerOptions;
  readonly #metrics: Metrics;
  readonly #server: FastifyInstance;
  #url: string | undefined;

  constructor(options: MetricsListenerOptions, modules: { readonly metrics: Metrics }) {
    this.#options = options;
    this.#metrics = modules.metrics;
    this.#server = Fastify({
      logger: false,
      requestTimeout: requestTimeoutMs,
      connectionTimeout: requestTimeoutMs,
      forceCloseConnections: true,
    });
    this.#server.server.maxConnections = connectionsMax;
    this.#server.get('/metrics', async (_request, reply) => {
      const text = await this.#metrics.render();
      return reply.type(this.#metrics.contentType).send(text);
    });
  }

  /** The URL of the page once it listens. */
  get url(): string {
    if (this.#url === undefined) throw new StratumError('INTERNAL', 'the metrics listener has not been started');
    return this.#url;
  }

  async start(): Promise<void> {
    const { host, port } = this.#options;
    this.#metrics.addProcess();
    try {
      const url = await this.#server.listen({ host: host.replace(/^\[(.*)\]$/, '$1'), port });
      this.#url = `${url}/metrics`;
    } catch (error) {
      throw listenError(`${host}:${port}`, error);
    }
  }

  async stop(): Promise<void> {
    await this.#server.close();
  }
}

function listenError(address: string, error: unknown): StratumError {
  if (systemCode(error) === 'EADDRINUSE') {
    const hint = 'stop that process, or choose another address with --metrics-listen';
    return new StratumError('PORT_IN_USE', `cannot listen on ${address}: another process does`, undefined, {
      hint,
      cause: error,
    });
  }
  const details = { field: 'metricsListen', reason: String(error), expected: 'an address of this machine' };
  return new StratumError('INVALID_ARGUMENT', `cannot listen on ${address}`, details, { cause: error });
}
