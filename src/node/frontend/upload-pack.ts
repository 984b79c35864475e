import { explain, hasCode, StratumError } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import { MiB } from '../../base/units.ts';
import { ByteReader } from '../../git/byte-reader.ts';
import { feed, type GitRunner } from '../../git/git-runner.ts';
import { encodeLsRefs, parseLsRefs } from '../../git/ls-refs.ts';
import { encodeErrorPkt, readPkt } from '../../git/pkt-line.ts';
import { readV2Request, type V2Request } from '../../git/protocol-v2.ts';
import type { BareRepositoryCache, CachedRepository } from './bare-repository-cache.ts';
import type { EncodedRefsCache } from './encoded-refs-cache.ts';
import type { Exchange } from './exchange.ts';
import { OutputWatch } from './output-watch.ts';
import type { RefReader, RepositoryRefs } from './ref-reader.ts';
import { readSmallBody } from './request-body.ts';

/** What fetches work with. */
export interface UploadPackModules {
  readonly log: Logger;
  readonly git: GitRunner;
  readonly cache: BareRepositoryCache;
  readonly refs: RefReader;
  readonly encodedRefs: EncodedRefsCache;
}

const contentType = 'application/x-git-upload-pack-result';

/**
 * Largest body of a fetch. Unlike a pack it is small: 32 MiB hold the wants and haves of 600,000
 * refs, and it is kept in memory.
 */
const fetchBytesMax = 32 * MiB;

/** Settings of `git upload-pack`: partial clones, and any object that the client knows the id of. */
const uploadPackConfig = { 'uploadpack.allowFilter': 'true', 'uploadpack.allowAnySHA1InWant': 'true' };

/** How one run of git ended. */
interface Run {
  /** Undefined when it succeeded. */
  readonly failure: unknown;
  /** Output that was held back because it is an error alone. */
  readonly held: Buffer;
}

/**
 * POST git-upload-pack. `ls-refs` is answered from the metadata primary's refs, `fetch` and the
 * older protocols by `git upload-pack` on the cached repository, streamed at the client's pace.
 */
export class UploadPack {
  readonly #modules: UploadPackModules;

  constructor(modules: UploadPackModules) {
    this.#modules = modules;
  }

  /** Serves one request. What is thrown before the response has begun is the client's HTTP error. */
  async serve(exchange: Exchange, repo: string): Promise<void> {
    const body = await readSmallBody(exchange.request, exchange.response, { bytesMax: fetchBytesMax });
    if (body.length === 0) return await exchange.answer(contentType, []);
    await checkFraming(body);
    try {
      if (exchange.protocolVersion === 2) await this.#serveV2(exchange, repo, body);
      else await this.#serveByGit(exchange, repo, body);
    } catch (error) {
      // A git client shows an ERR line to its user, and of an HTTP error only the number.
      const told = hasCode(error, 'PROTOCOL_ERROR') || hasCode(error, 'GIT_FAILED');
      if (!told || exchange.begun || exchange.signal.aborted) throw error;
      await exchange.answer(contentType, [encodeErrorPkt(error.message)]);
    }
  }

  async #serveV2(exchange: Exchange, repo: string, body: Buffer): Promise<void> {
    const request = await readV2Request(readerOf(body));
    if (request === undefined) {
      await exchange.answer(contentType, []);
      return;
    }
    if (request.command === 'fetch') await this.#serveByGit(exchange, repo, body, request);
    else await this.#listRefs(exchange, repo, request);
  }

  async #listRefs(exchange: Exchange, repo: string, request: V2Request): Promise<void> {
    const refs = await this.#modules.refs.read(repo, exchange.signal);
    checkFormat(request, refs);
    const lines = this.#modules.encodedRefs.linesOf(refs);
    await exchange.answer(contentType, encodeLsRefs(refs.snapshot, lines, parseLsRefs(request.args)));
  }

  /** The refs are read once, by the cached repository: a second question to the metadata node would say nothing new. */
  async #serveByGit(exchange: Exchange, repo: string, body: Buffer, request?: V2Request): Promise<void> {
    const { cache } = this.#modules;
    const { signal } = exchange;
    const runOnce = () =>
      cache.use(repo, signal, (repository) => {
        if (request !== undefined) checkFormat(request, repository.refs);
        return this.#run(exchange, repository, body);
      });
    let run = await runOnce();
    if (run.failure !== undefined && !exchange.begun && !signal.aborted) {
      // Nothing has been sent: if the cached repository is to blame, it is mended and asked again.
      const refs = await this.#modules.refs.read(repo, signal);
      if (await cache.mend(refs, signal)) run = await runOnce();
    }
    if (run.failure !== undefined && run.held.length === 0) throw run.failure;
    await exchange.answer(contentType, [run.held]);
  }

  async #run(exchange: Exchange, repository: CachedRepository, body: Buffer): Promise<Run> {
    const version = exchange.protocolVersion;
    const child = await this.#modules.git.start({
      isPaced: true,
      args: ['upload-pack', '--stateless-rpc', '--strict', repository.path],
      gitDir: repository.path,
      config: uploadPackConfig,
      ...(version > 0 && { env: { GIT_PROTOCOL: `version=${version}` } }),
      signal: exchange.signal,
    });
    const fed = feed(child.stdin, [body]);
    const watch = new OutputWatch();
    let held = Buffer.alloc(0);
    try {
      for await (const chunk of child.stdout as AsyncIterable<Buffer>) {
        watch.see(chunk);
        // An error alone may yet be taken back, when the cache was to blame for it.
        if (watch.failureTold && !exchange.begun) {
          held = Buffer.concat([held, chunk]);
          continue;
        }
        exchange.begin(contentType);
        await exchange.write(chunk);
      }
    } catch (error) {
      child.kill(error);
    }
    await fed;
    try {
      await child.done;
      return { failure: undefined, held };
    } catch (failure) {
      return this.#judgeFailure(failure, { exchange, repository, held, told: watch.failureTold });
    }
  }

  #judgeFailure(
    failure: unknown,
    run: { exchange: Exchange; repository: CachedRepository; held: Buffer; told: boolean },
  ): Run {
    const { exchange, repository, held, told } = run;
    if (exchange.signal.aborted) throw failure;
    const { name } = repository.refs.repo;
    this.#modules.log.warn({ repo: name, reason: explain(failure), told }, 'git upload-pack failed');
    if (!exchange.begun) return { failure, held };
    this.#modules.cache.doubt(repository.refs);
    if (!told) throw failure;
    // The client has the error in band 3 or as ERR: the response may end, nobody takes it for whole.
    return { failure: undefined, held: Buffer.alloc(0) };
  }
}

function checkFormat(request: V2Request, { snapshot }: RepositoryRefs): void {
  const server = snapshot.objectFormat;
  if (request.objectFormat === server) return;
  throw new StratumError(
    'PROTOCOL_ERROR',
    `mismatched object format: server ${server}; client ${request.objectFormat}`,
  );
}

/** Refuses a body that is not a sequence of pkt-lines before anything is started for it. */
async function checkFraming(body: Buffer): Promise<void> {
  const reader = readerOf(body);
  try {
    while ((await readPkt(reader)) !== undefined);
  } catch (cause) {
    const details = { field: 'body', reason: 'malformed pkt-line', expected: 'pkt-lines of the Git protocol' };
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new StratumError('INVALID_ARGUMENT', message, details, { cause });
  }
}

function readerOf(body: Buffer): ByteReader {
  return new ByteReader(
    (async function* () {
      yield body;
    })(),
  );
}
