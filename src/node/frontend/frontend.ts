import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import type { Clock } from '../../base/clock.ts';
import { asStratumError, explain, StratumError } from '../../base/errors.ts';
import type { Part } from '../../base/lifecycle.ts';
import type { Logger } from '../../base/log.ts';
import type { Random } from '../../base/random.ts';
import { MiB } from '../../base/units.ts';
import type { MetadataApi } from '../../client/metadata-api.ts';
import { GitRunner } from '../../git/git-runner.ts';
import { probeGitVersion } from '../../git/git-version.ts';
import type { ObjectApi } from '../../replication/object-api.ts';
import { BareRepositoryCache } from './bare-repository-cache.ts';
import { EncodedRefsCache } from './encoded-refs-cache.ts';
import { Exchange } from './exchange.ts';
import { Health } from './health.ts';
import { answerError, httpStatusOf } from './http-errors.ts';
import { InfoRefs } from './info-refs.ts';
import { QuarantineFolder } from './quarantine.ts';
import { ReceivePack } from './receive-pack.ts';
import { RefReader } from './ref-reader.ts';
import { type RouteModules, route } from './routes.ts';
import { createServer, listen } from './server.ts';
import { UploadPack } from './upload-pack.ts';

/** The settings of a frontend. */
export interface FrontendOptions {
  readonly host: string;
  /** 0 for one that the system chooses. */
  readonly port: number;
  /** Folder of the cached repositories and quarantines; nothing in it is the only copy. */
  readonly cacheDir: string;
  /** The version of Stratum, for the agent capability. */
  readonly version: string;
  readonly createOnPush: boolean;
  readonly receivePackBytesMax: number;
  readonly gitProcessesMax: number;
  /** Requests that wait for a git process; default 256. */
  readonly gitQueueMax?: number;
  /** "git" unless given. */
  readonly gitPath?: string;
}

/** What a frontend works with. */
export interface FrontendModules {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly metadata: MetadataApi;
  readonly objects: ObjectApi;
  /** Whether the topology is known and allows to serve. */
  readonly ready: () => boolean;
}

/** Counters since the start, for heartbeats. */
export interface FrontendCounters {
  readonly gitRequests: number;
  readonly cacheHits: number;
  readonly cacheMisses: number;
}

/** Files downloaded at once by one frontend. */
const downloadsMax = 4;

/** A damaged repository is looked at byte by byte at most every ten minutes. */
const contentCheckIntervalMs = 600_000;

/** Milliseconds for one metadata read. */
const metadataTimeoutMs = 10_000;

/** Refs kept in memory: about 200 MB at the most. */
const cachedRefsMax = 1_000_000;

/** Refs kept as the bytes that clients are sent: 80 a ref, in up to three shapes. */
const encodedRefsBytesMax = 128 * MiB;

/** How long requests in flight may go on when the frontend stops; half of what the lifecycle gives a part. */
const stopGraceMs = 5_000;

/** The Git side of a node: smart HTTP over a cache of bare repositories, metadata and blobs. */
export class Frontend implements Part {
  readonly name = 'frontend';
  readonly #options: FrontendOptions;
  readonly #modules: FrontendModules;
  readonly #stopping = new AbortController();
  readonly #git: GitRunner;
  readonly #cache: BareRepositoryCache;
  readonly #quarantines: QuarantineFolder;
  readonly #routes: RouteModules;
  readonly #inFlight = new Set<Promise<void>>();
  #server: FastifyInstance | undefined;
  #url: string | undefined;
  #gitRequests = 0;

  constructor(options: FrontendOptions, modules: FrontendModules) {
    this.#options = options;
    this.#modules = modules;
    const { clock, random, log, metadata, objects, ready } = modules;
    const { createOnPush, receivePackBytesMax, cacheDir } = options;
    const stopping = this.#stopping.signal;
    const gitPath = options.gitPath === undefined ? {} : { gitPath: options.gitPath };
    const gitBounds = { processesMax: options.gitProcessesMax, queueMax: options.gitQueueMax ?? 256 };
    const git = new GitRunner({ ...gitBounds, ...gitPath }, { clock });
    const refs = new RefReader({ cachedRefsMax, timeoutMs: metadataTimeoutMs }, { metadata });
    const encodedRefs = new EncodedRefsCache({ bytesMax: encodedRefsBytesMax });
    const cache = new BareRepositoryCache(
      { folder: join(cacheDir, 'repositories'), downloadsMax, contentCheckIntervalMs, metadataTimeoutMs },
      { clock, log, metadata, objects, refs, stopping },
    );
    const quarantines = new QuarantineFolder({ folder: join(cacheDir, 'quarantine') }, { random });
    this.#git = git;
    this.#cache = cache;
    this.#quarantines = quarantines;
    this.#routes = {
      health: new Health({ ready, stopping }),
      infoRefs: new InfoRefs({ agent: `stratum/${options.version}`, createOnPush }, { refs, encodedRefs }),
      uploadPack: new UploadPack({ log, git, cache, refs, encodedRefs }),
      receivePack: new ReceivePack(
        { createOnPush, receivePackBytesMax },
        { clock, random, log, git, cache, refs, objects, metadata, quarantines },
      ),
    };
  }

  /** The base URL of the listener, "http://127.0.0.1:8480"; only after the start. */
  get url(): string {
    if (this.#url === undefined) throw new StratumError('NOT_READY', 'the frontend has not started', { what: 'HTTP' });
    return this.#url;
  }

  get counters(): FrontendCounters {
    const { hits, misses } = this.#cache.counters;
    return { gitRequests: this.#gitRequests, cacheHits: hits, cacheMisses: misses };
  }

  async start(signal?: AbortSignal): Promise<void> {
    const gitVersion = await probeGitVersion(this.#git, signal);
    await this.#cache.open();
    await this.#quarantines.open();
    this.#server = createServer((request, response) => this.#handle(request, response));
    this.#url = await listen(this.#server, this.#options.host, this.#options.port);
    this.#modules.log.info({ url: this.#url, gitVersion }, 'serving Git over HTTP');
  }

  /** Takes no new connection and waits for the requests in flight, five seconds or until the signal aborts; then they are broken off. */
  async stop(signal?: AbortSignal): Promise<void> {
    const breakOff = () => {
      const reason = new StratumError('SHUTTING_DOWN', 'the frontend stops');
      this.#stopping.abort(reason);
      this.#git.killAll(reason);
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
      await route(exchange, this.#routes);
    } catch (error) {
      this.#logFailure(request, exchange, error);
      answerError(response, error);
    }
  }

  #logFailure(request: IncomingMessage, exchange: Exchange, error: unknown): void {
    const { code } = asStratumError(error);
    const fields = { method: request.method, path: request.url?.slice(0, 200), code, reason: explain(error) };
    if (exchange.signal.aborted) this.#modules.log.debug(fields, 'request broken off');
    else if (httpStatusOf(error) >= 500) this.#modules.log.error(fields, 'request failed');
    else this.#modules.log.info(fields, 'request refused');
  }
}
