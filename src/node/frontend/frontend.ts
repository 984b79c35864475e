import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FastifyInstance } from 'fastify';
import type { ErrorCode } from '../../base/error-codes.ts';
import { asStratumError, explain, StratumError } from '../../base/errors.ts';
import type { Part } from '../../base/lifecycle.ts';
import { probeGitVersion } from '../../git/git-version.ts';
import { Exchange } from './exchange.ts';
import type { FrontendControl } from './frontend-control.ts';
import type { FrontendOptions } from './frontend-options.ts';
import { buildFrontend, type FrontendModules, type FrontendParts } from './frontend-parts.ts';
import { answerError, httpStatusOf } from './http-errors.ts';
import { route } from './routes.ts';
import { createServer, listen } from './server.ts';

/** Counters since the start, for heartbeats. */
export interface FrontendCounters {
  readonly gitRequests: number;
  readonly cacheHits: number;
  readonly cacheMisses: number;
}

/** The caches are read first: one small read for each stored response, which a slow disk does 1,000 of in a second. */
const startTimeoutMs = 300_000;

/** How long requests in flight may go on when the frontend stops; half of what the lifecycle gives a part. */
const stopGraceMs = 5_000;

/** The Git side of a node: smart HTTP over a cache of bare repositories, metadata and blobs. */
export class Frontend implements Part {
  readonly name = 'frontend';
  readonly startTimeoutMs = startTimeoutMs;
  readonly #options: FrontendOptions;
  readonly #modules: FrontendModules;
  readonly #stopping = new AbortController();
  readonly #parts: FrontendParts;
  readonly #inFlight = new Set<Promise<void>>();
  #gitVersion = '';
  #server: FastifyInstance | undefined;
  #url: string | undefined;
  #gitRequests = 0;

  constructor(options: FrontendOptions, modules: FrontendModules) {
    this.#options = options;
    this.#modules = modules;
    const life = { stopping: this.#stopping.signal, gitVersion: () => this.#gitVersion };
    this.#parts = buildFrontend(options, modules, life);
  }

  /** The base URL of the listener, "http://127.0.0.1:8480"; only after the start. */
  get url(): string {
    if (this.#url === undefined) throw new StratumError('NOT_READY', 'the frontend has not started', { what: 'HTTP' });
    return this.#url;
  }

  /** Hits and joins count as hits: git did not run for them. */
  get counters(): FrontendCounters {
    const { hits, joins, misses } = this.#parts.packs.stats;
    return { gitRequests: this.#gitRequests, cacheHits: hits + joins, cacheMisses: misses };
  }

  /** What operators may ask. */
  get operations(): FrontendControl {
    return this.#parts.operations;
  }

  async start(signal?: AbortSignal): Promise<void> {
    const { git, repositories, quarantines, packs, maintenance } = this.#parts;
    this.#gitVersion = await probeGitVersion(git, signal);
    await repositories.open();
    await quarantines.open();
    await packs.start();
    await maintenance.start();
    this.#server = createServer((request, response) => this.#handle(request, response));
    this.#url = await listen(this.#server, this.#options.host, this.#options.port);
    this.#modules.log.info({ url: this.#url, gitVersion: this.#gitVersion }, 'serving Git over HTTP');
  }

  /** Takes no new connection and waits for the requests in flight, five seconds or until the signal aborts; then they are broken off. */
  async stop(signal?: AbortSignal): Promise<void> {
    const breakOff = () => {
      const reason = new StratumError('SHUTTING_DOWN', 'the frontend stops');
      this.#stopping.abort(reason);
      this.#parts.git.killAll(reason);
      this.#server?.server.closeAllConnections();
    };
    if (signal?.aborted) breakOff();
    else signal?.addEventListener('abort', breakOff, { once: true });
    const grace = this.#modules.clock.after(stopGraceMs, breakOff);
    try {
      await this.#server?.close();
      await Promise.all(this.#inFlight);
    } finally {
      grace.cancel();
      signal?.removeEventListener('abort', breakOff);
      breakOff();
      await Promise.all([this.#parts.warming.idle, this.#parts.maintenance.stop(), this.#parts.check.idle]);
      await this.#parts.packs.stop();
      await this.#parts.repositories.close();
    }
  }

  #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const handled = this.#serve(request, response).finally(() => this.#inFlight.delete(handled));
    this.#inFlight.add(handled);
    return handled;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const exchange = new Exchange(request, response, this.#stopping.signal);
    if (request.url !== '/healthz') this.#gitRequests += 1;
    try {
      await route(exchange, this.#parts.routes);
      this.#note(exchange, 'OK');
    } catch (error) {
      this.#note(exchange, asStratumError(error).code);
      this.#logFailure(request, exchange, error);
      answerError(response, error);
    }
  }

  #note({ kind }: Exchange, result: 'OK' | ErrorCode): void {
    if (kind !== undefined) this.#modules.observer?.answered(kind, result);
  }

  #logFailure(request: IncomingMessage, exchange: Exchange, error: unknown): void {
    const { code } = asStratumError(error);
    const fields = { method: request.method, path: request.url?.slice(0, 200), code, reason: explain(error) };
    if (exchange.signal.aborted) this.#modules.log.debug(fields, 'request broken off');
    else if (httpStatusOf(error) >= 500) this.#modules.log.error(fields, 'request failed');
    else this.#modules.log.info(fields, 'request refused');
  }
}
