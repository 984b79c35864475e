import { LRUCache } from 'lru-cache';
import type { Clock } from '../../base/clock.ts';
import { explain, StratumError } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import { fetchKey } from '../../git/fetch-key.ts';
import { canonicalFetch, encodeFetch, type FetchRequest, parseFetch } from '../../git/fetch-request.ts';
import type { ObjectFormat } from '../../git/object-id.ts';
import type { V2Request } from '../../git/protocol-v2.ts';
import { resolveWantRefs } from '../../git/wanted-refs.ts';
import type { SharedCache } from '../../replication/shared-cache/shared-cache.ts';
import type { StoredEntry } from '../../store/entry-folder.ts';
import type { BareRepositoryCache } from './bare-repository-cache.ts';
import type { Exchange } from './exchange.ts';
import type { FetchObserver } from './fetch-observer.ts';
import type { CacheExplanation, PackCache, Prepared } from './pack-cache/pack-cache.ts';
import type { PackOutput, PackProducer } from './pack-cache/pack-producer.ts';
import type { RefReader, RepositoryRefs } from './ref-reader.ts';
import type { ResponseCheck } from './response-check.ts';
import { ResponseSink } from './response-sink.ts';
import type { UploadPackRuns } from './upload-pack-runs.ts';
import { WantedRefsSink } from './wanted-refs-sink.ts';

/** Values of the fetches. */
export interface FetchServiceOptions {
  /** The version of git whose output is kept; it changes the bytes. */
  readonly gitVersion: () => string;
  /** How long the object nodes may keep a response, in milliseconds. */
  readonly sharedTtlMs: number;
}

/** What fetches work with. */
export interface FetchServiceModules {
  readonly clock: Clock;
  readonly log: Logger;
  readonly refs: RefReader;
  readonly packs: PackCache;
  readonly runs: UploadPackRuns;
  readonly shared: SharedCache;
  readonly check: ResponseCheck;
  readonly repositories: Pick<BareRepositoryCache, 'doubt'>;
  readonly observer: FetchObserver;
  /** Aborts when the frontend stops. */
  readonly stopping: AbortSignal;
}

/** A request whose response has a name. */
export interface NamedFetch {
  readonly repo: RepositoryRefs['repo'];
  readonly key: string;
  readonly request: FetchRequest;
}

/** What a request means while the refs are these. */
interface Understood {
  readonly refs: RepositoryRefs;
  /** Undefined where only git can judge it. */
  readonly fetch: NamedFetch | undefined;
  /** What is to be told of the refs that it names. */
  readonly section: Buffer;
}

/** What a response was made of. */
interface Made {
  readonly repo: string;
  readonly format: ObjectFormat;
}

/** Responses of which it is remembered that git made them here, until they are kept. */
const madeMax = 10_000;

/**
 * Protocol v2's `fetch`: the response is taken from the pack cache, from another frontend by way of the object nodes,
 * or made by git, in this order. Each caller is looked at for itself: the repository is asked for at each request.
 */
export class FetchService {
  readonly #options: FetchServiceOptions;
  readonly #modules: FetchServiceModules;
  /** By key, of which repository git made a response here: what came from the object nodes need not go back to them. */
  readonly #understood = new WeakMap<V2Request, Understood>();
  readonly #made = new LRUCache<string, Made>({ max: madeMax });

  constructor(options: FetchServiceOptions, modules: FetchServiceModules) {
    this.#options = options;
    this.#modules = modules;
  }

  /** Serves one request; gives it back when it was served by its name, undefined when it went to git as it came. */
  async serve(
    exchange: Exchange,
    body: Buffer,
    request: V2Request,
    refs: RepositoryRefs,
  ): Promise<NamedFetch | undefined> {
    const { packs, observer } = this.#modules;
    const { fetch, section } = this.#understand(request, refs);
    const sink = new ResponseSink(exchange);
    if (fetch === undefined) {
      const { name: repo } = refs.repo;
      observer.bypassed();
      await this.#modules.runs.answer({ repo, body, version: 2, isPaced: true, signal: exchange.signal }, sink);
      exchange.end();
      return undefined;
    }
    const produce = this.#producer(fetch, refs);
    const wanted = { key: fetch.key, tag: fetch.repo.id, produce };
    if (section.length === 0) await packs.serve(wanted, sink, exchange.signal);
    else {
      const telling = new WantedRefsSink(sink, section);
      await packs.serve(wanted, telling, exchange.signal);
      await telling.end();
    }
    exchange.end();
    return fetch;
  }

  #understand(request: V2Request, refs: RepositoryRefs): Understood {
    const known = this.#understood.get(request);
    if (known?.refs === refs) return known;
    const { snapshot } = refs;
    const parsed = parseFetch(request.args, snapshot.objectFormat);
    const resolved = parsed === undefined ? undefined : resolveWantRefs(parsed, snapshot);
    const fetch = this.nameFetch(refs, resolved?.request);
    const understood = { refs, fetch, section: resolved?.section ?? Buffer.alloc(0) };
    this.#understood.set(request, understood);
    return understood;
  }

  /** A request by the name of its response; undefined where only git can judge it. */
  nameFetch(refs: RepositoryRefs, request: FetchRequest | undefined): NamedFetch | undefined {
    if (request === undefined) return undefined;
    const canonical = canonicalFetch(request);
    const key = this.#keyOf(refs, canonical);
    return key === undefined ? undefined : { repo: refs.repo, key, request: canonical };
  }

  /** Has the response made and kept before anybody asks for it. */
  prepare(fetch: NamedFetch, refs: RepositoryRefs, signal: AbortSignal): Promise<Prepared> {
    const produce = this.#producer(fetch, refs);
    return this.#modules.packs.prepare({ key: fetch.key, tag: fetch.repo.id, produce }, signal);
  }

  /** What the request would meet. */
  explain(fetch: NamedFetch): CacheExplanation {
    return this.#modules.packs.explain(fetch.key);
  }

  /**
   * A response is stored here. One that git made here is looked at in the background, and when it is sound the object nodes
   * are told of it, so that other frontends need not make it.
   */
  noteStored(entry: StoredEntry): void {
    const made = this.#made.get(entry.key);
    this.#made.delete(entry.key);
    if (made === undefined) return;
    this.#checkAndShare(entry, made).catch((error: unknown) => {
      this.#modules.log.debug({ key: entry.key, reason: explain(error) }, 'response not shared');
    });
  }

  async #checkAndShare({ key, sizeBytes, crc32, tag }: StoredEntry, { repo, format }: Made): Promise<void> {
    const { check, refs, repositories, shared, packs, stopping } = this.#modules;
    const verdict = await check.run(key, format);
    if (verdict === 'damaged') repositories.doubt(await refs.read(repo, stopping));
    if (verdict !== 'sound') return;
    const content = { sizeBytes, crc32, read: () => packs.read(key) };
    await shared.put(key, content, { ttlMs: this.#options.sharedTtlMs, tag }, stopping);
  }

  #keyOf({ repo, snapshot }: RepositoryRefs, request: FetchRequest): string | undefined {
    const { objectFormat: format } = snapshot;
    return fetchKey({ repoId: repo.id, request, format, refs: snapshot, gitVersion: this.#options.gitVersion() });
  }

  #producer(fetch: NamedFetch, { snapshot }: RepositoryRefs): PackProducer {
    return async (output, signal) => {
      const { clock, shared } = this.#modules;
      // The runners of another frontend have asked for it already.
      if (await this.#takeShared(fetch.key, output, signal)) return 'keep-now';
      const startMs = clock.monotonicMs();
      const counted = new CountedOutput(output);
      const answer = await this.#modules.runs.answer(
        {
          repo: fetch.repo.name,
          body: encodeFetch(fetch.request, snapshot.objectFormat),
          version: 2,
          isPaced: false,
          check: (refs) => assertSame(fetch, refs),
          signal,
        },
        counted,
      );
      // What only negotiates is cheap to make, and seldom asked for twice.
      if (answer.isError || !counted.hasPack) return 'answer-only';
      shared.noteComputed(clock.monotonicMs() - startMs, counted.bytes);
      this.#made.set(fetch.key, { repo: fetch.repo.name, format: snapshot.objectFormat });
      // A ref that moved meanwhile and moves back must not find what git saw in between under the old name.
      const isOfKey = answer.refs !== undefined && this.#keyOf(answer.refs, fetch.request) === fetch.key;
      return isOfKey || !dependsOnRefs(fetch.request) ? 'keep' : 'answer-only';
    };
  }

  /** True when the object nodes had the response; what fails before its first byte is only a miss. */
  async #takeShared(key: string, output: PackOutput, signal: AbortSignal): Promise<boolean> {
    const { shared, log } = this.#modules;
    let begun = false;
    try {
      const found = await shared.get(key, signal);
      if (found === undefined) return false;
      for await (const chunk of found.chunks) {
        begun = true;
        await output.write(chunk);
      }
      return true;
    } catch (error) {
      if (begun || signal.aborted) throw error;
      log.debug({ key, reason: explain(error) }, 'shared response not read');
      return false;
    }
  }
}

/** Whether the objects that are asked for by their ids do not say it all. */
function dependsOnRefs({ options, deepenNots }: FetchRequest): boolean {
  return options.has('include-tag') || options.has('deepen-relative') || deepenNots.length > 0;
}

/** The line that a pack begins with in a response. */
const packfileLine = Buffer.from('000dpackfile\n');

/** Counts what passes, and looks whether there is a pack. */
class CountedOutput implements PackOutput {
  readonly #inner: PackOutput;
  bytes = 0;
  hasPack = false;
  /** The end of what came before, in which the line may have begun. */
  #tail = Buffer.alloc(0);

  constructor(inner: PackOutput) {
    this.#inner = inner;
  }

  write(chunk: Buffer): Promise<void> {
    this.bytes += chunk.length;
    this.#look(chunk);
    return this.#inner.write(chunk);
  }

  #look(chunk: Buffer): void {
    if (this.hasPack) return;
    const bytes = this.#tail.length === 0 ? chunk : Buffer.concat([this.#tail, chunk]);
    this.hasPack = bytes.includes(packfileLine);
    this.#tail = Buffer.from(bytes.subarray(1 - packfileLine.length));
  }
}

/** A repository that was deleted and made again under the same name is another one. */
function assertSame({ repo }: NamedFetch, refs: RepositoryRefs): void {
  if (refs.repo.id === repo.id) return;
  throw new StratumError('VERSION_CONFLICT', `repository ${repo.name} was made again while it was read`, {
    what: repo.name,
    expected: repo.id,
    current: refs.repo.id,
  });
}
