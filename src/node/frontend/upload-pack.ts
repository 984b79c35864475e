import { hasCode, StratumError } from '../../base/errors.ts';
import { MiB } from '../../base/units.ts';
import { encodeBundleUri, parseBundleUri } from '../../git/bundle-uri.ts';
import type { GitRunner } from '../../git/git-runner.ts';
import { encodeLsRefs, parseLsRefs } from '../../git/ls-refs.ts';
import { encodeObjectInfo, parseObjectInfo } from '../../git/object-info.ts';
import { encodeErrorPkt, readPkts } from '../../git/pkt-line.ts';
import { parseV2Request, type V2Request } from '../../git/protocol-v2.ts';
import type { BareRepositoryCache } from './bare-repository-cache.ts';
import type { BundleOffers } from './bundle-offers.ts';
import type { EncodedRefsCache } from './encoded-refs-cache.ts';
import type { Exchange } from './exchange.ts';
import type { FetchObserver } from './fetch-observer.ts';
import type { FetchService } from './fetch-service.ts';
import { KnownRequests } from './known-requests.ts';
import { readObjectSizes } from './object-sizes.ts';
import type { PushWarming } from './push-warming.ts';
import type { RefReader, RepositoryRefs } from './ref-reader.ts';
import { readSmallBody } from './request-body.ts';
import { ResponseSink, uploadPackContentType } from './response-sink.ts';
import type { UploadPackRuns } from './upload-pack-runs.ts';

/** What fetches work with. */
export interface UploadPackModules {
  readonly git: GitRunner;
  readonly cache: BareRepositoryCache;
  readonly refs: RefReader;
  readonly encodedRefs: EncodedRefsCache;
  readonly bundles: BundleOffers;
  readonly runs: UploadPackRuns;
  readonly fetches: FetchService;
  readonly warming: Pick<PushWarming, 'noticeFetch'>;
  readonly observer: Pick<FetchObserver, 'bypassed'>;
}

/**
 * Largest body of a fetch. Unlike a pack it is small: 32 MiB hold the wants and haves of 600,000
 * refs, and it is kept in memory.
 */
const fetchBytesMax = 32 * MiB;

/**
 * POST git-upload-pack. `ls-refs` is answered from the metadata primary's refs, `fetch` by the fetch service, and
 * the older protocols by `git upload-pack` on the cached repository, at the client's pace.
 */
export class UploadPack {
  readonly #modules: UploadPackModules;
  readonly #requests = new KnownRequests();

  constructor(modules: UploadPackModules) {
    this.#modules = modules;
  }

  /** Serves one request. What is thrown before the response has begun is the client's HTTP error. */
  async serve(exchange: Exchange, repo: string): Promise<void> {
    const body = await readSmallBody(exchange.request, exchange.response, { bytesMax: fetchBytesMax });
    if (body.length === 0) return await exchange.answer(uploadPackContentType, []);
    const known = exchange.protocolVersion === 2 ? this.#requests.get(body) : undefined;
    if (known === undefined) checkFraming(body);
    try {
      if (exchange.protocolVersion === 2) {
        await this.#serveV2(exchange, repo, body, known ?? this.#requests.keep(body, parseV2Request(readPkts(body))));
      } else await this.#serveOld(exchange, repo, body, exchange.protocolVersion);
    } catch (error) {
      // A git client shows an ERR line to its user, and of an HTTP error only the number.
      const told = hasCode(error, 'PROTOCOL_ERROR') || hasCode(error, 'GIT_FAILED');
      if (!told || exchange.begun || exchange.signal.aborted) throw error;
      await exchange.answer(uploadPackContentType, [encodeErrorPkt(error.message)]);
    }
  }

  async #serveV2(exchange: Exchange, repo: string, body: Buffer, request: V2Request | undefined): Promise<void> {
    if (request === undefined) return await exchange.answer(uploadPackContentType, []);
    exchange.kind = kindOf[request.command];
    if (request.command === 'fetch') return await this.#fetch(exchange, repo, body, request);
    if (request.command === 'object-info') return await this.#describeObjects(exchange, repo, request);
    const refs = await this.#modules.refs.read(repo, exchange.signal);
    checkFormat(request, refs);
    if (request.command === 'bundle-uri') return await this.#offerBundles(exchange, request, refs);
    const lines = this.#modules.encodedRefs.linesOf(refs);
    await exchange.answer(uploadPackContentType, encodeLsRefs(refs.snapshot, lines, parseLsRefs(request.args)));
  }

  async #fetch(exchange: Exchange, repo: string, body: Buffer, request: V2Request): Promise<void> {
    const reader = this.#modules.refs;
    // What a name stands for may be seconds old for nobody; the objects of an id are always the same.
    const asksForNames = request.args.some((arg) => arg.startsWith('want-ref ') || arg.startsWith('deepen-not '));
    const refs = await (asksForNames ? reader.read(repo, exchange.signal) : reader.recent(repo, exchange.signal));
    checkFormat(request, refs);
    const fetch = await this.#modules.fetches.serve(exchange, body, request, refs);
    if (fetch !== undefined) this.#modules.warming.noticeFetch(fetch, refs);
  }

  async #describeObjects(exchange: Exchange, repo: string, request: V2Request): Promise<void> {
    const { cache, git } = this.#modules;
    const { signal } = exchange;
    const answer = await cache.use(repo, signal, async ({ path, refs }) => {
      checkFormat(request, refs);
      const question = parseObjectInfo(request.args, refs.snapshot.objectFormat);
      return encodeObjectInfo(
        question,
        await readObjectSizes(git, question.objectIds, { gitDir: path, fairKey: refs.repo.id, signal }),
      );
    });
    await exchange.answer(uploadPackContentType, answer);
  }

  async #offerBundles(exchange: Exchange, request: V2Request, refs: RepositoryRefs): Promise<void> {
    parseBundleUri(request.args);
    const bundle = await this.#modules.bundles.of(refs);
    await exchange.answer(uploadPackContentType, [encodeBundleUri(bundle === undefined ? [] : [bundle])]);
  }

  async #serveOld(exchange: Exchange, repo: string, body: Buffer, version: 0 | 1): Promise<void> {
    const task = { repo, body, version, isPaced: true, signal: exchange.signal };
    this.#modules.observer.bypassed();
    await this.#modules.runs.answer(task, new ResponseSink(exchange));
    await exchange.answer(uploadPackContentType, []);
  }
}

const kindOf = {
  fetch: 'fetch',
  'ls-refs': 'ls-refs',
  'object-info': 'object-info',
  'bundle-uri': 'bundle',
} as const;

function checkFormat(request: V2Request, { snapshot }: RepositoryRefs): void {
  const server = snapshot.objectFormat;
  if (request.objectFormat === server) return;
  throw new StratumError(
    'PROTOCOL_ERROR',
    `mismatched object format: server ${server}; client ${request.objectFormat}`,
  );
}

/** Refuses a body that is not a sequence of pkt-lines before anything is started for it. */
function checkFraming(body: Buffer): void {
  const pkts = readPkts(body);
  try {
    while (pkts.next().done !== true);
  } catch (cause) {
    if (hasCode(cause, 'TOO_LARGE')) throw cause;
    const details = { field: 'body', reason: 'malformed pkt-line', expected: 'pkt-lines of the Git protocol' };
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new StratumError('INVALID_ARGUMENT', message, details, { cause });
  }
}
