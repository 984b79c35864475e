import { type FileHandle, open } from 'node:fs/promises';
import { LRUCache } from 'lru-cache';
import { StratumError, systemCode } from '../../base/errors.ts';
import { type Oid, oidFromBytes } from '../../base/oid.ts';
import { MiB } from '../../base/units.ts';
import type { MetadataApi } from '../../client/metadata-api.ts';
import { parseRepoName } from '../../git/repo-name.ts';
import type { ObjectApi } from '../../replication/object-api.ts';
import type { PackRef } from '../../rpc/gen/stratum/v1/metadata.ts';
import { packPath } from './bare-repository.ts';
import type { BareRepositoryCache } from './bare-repository-cache.ts';
import { type ByteSpan, parseRange } from './byte-range.ts';
import type { Exchange } from './exchange.ts';

/** Values of the bundles. */
export interface BundleFileOptions {
  /** Milliseconds for one call of the metadata service. */
  readonly metadataTimeoutMs: number;
}

/** What bundles are made of. */
export interface BundleFileModules {
  readonly metadata: MetadataApi;
  readonly objects: ObjectApi;
  readonly cache: Pick<BareRepositoryCache, 'use' | 'doubt'>;
}

/** A bundle as its URL names it. */
export interface BundlePath {
  readonly repo: string;
  /** The hex digits in "pack-<digits>.pack". */
  readonly packName: string;
}

interface OpenBundle {
  readonly header: Buffer;
  readonly pack: FileHandle;
  readonly sizeBytes: number;
}

/** Headers kept in memory: that of a repository with 1,000 branches has 60 KB. */
const headerBytesMax = 16 * MiB;

const pieceBytes = MiB;

const bundleUrl = /^\/(.+)\/bundles\/([0-9a-f]{40}|[0-9a-f]{64})\.bundle$/;

/** Reads the raw path of a request, query cut off; undefined when it is no bundle's. INVALID_ARGUMENT for a bad name. */
export function parseBundlePath(rawPath: string): BundlePath | undefined {
  const [, repo, packName] = bundleUrl.exec(rawPath) ?? [];
  if (repo === undefined || packName === undefined) return undefined;
  return { repo: parseRepoName(repo, 'path'), packName };
}

/**
 * GET /<repo>.git/bundles/<pack>.bundle: the header that maintenance stored with a pack, then the pack's file, as one static
 * file with ETag and ranges. For `git clone --bundle-uri`: most of a full clone without any git process here.
 */
export class BundleFile {
  readonly #options: BundleFileOptions;
  readonly #modules: BundleFileModules;
  readonly #headers = new LRUCache<Oid, Buffer>({ maxSize: headerBytesMax, sizeCalculation: ({ length }) => length });

  constructor(options: BundleFileOptions, modules: BundleFileModules) {
    this.#options = options;
    this.#modules = modules;
  }

  /** Serves a GET or HEAD. NOT_FOUND when the pack is not listed any more, or is no bundle's. */
  async serve(exchange: Exchange, path: BundlePath): Promise<void> {
    const { request, response } = exchange;
    const { pack, headerOid } = await this.#find(path);
    const etag = `"${pack.name}-${headerOid.slice(0, 16)}"`;
    response.setHeader('ETag', etag);
    response.setHeader('Accept-Ranges', 'bytes');
    // The refs in the header may differ under the same name when the repository is repacked; the tag tells.
    response.setHeader('Cache-Control', 'no-cache');
    if (request.headers['if-none-match'] === etag) {
      response.writeHead(304);
      exchange.end();
      return;
    }
    const sizeBytes = Number(pack.bundleHeaderSize ?? 0n) + Number(pack.packSize);
    const unchanged = (request.headers['if-range'] ?? etag) === etag;
    const range = unchanged ? parseRange(request.headers.range, sizeBytes) : undefined;
    if (range === 'unsatisfiable') {
      response.writeHead(416, { 'Content-Range': `bytes */${sizeBytes}` });
      exchange.end();
      return;
    }
    await this.#send(exchange, path, { pack, headerOid }, range ?? { from: 0, to: sizeBytes, isPart: false });
  }

  async #send(
    exchange: Exchange,
    { repo }: BundlePath,
    bundle: { readonly pack: PackRef; readonly headerOid: Oid },
    span: ByteSpan,
  ): Promise<void> {
    const opened = await this.#open(repo, bundle.pack, bundle.headerOid, exchange.signal);
    try {
      exchange.signal.throwIfAborted();
      exchange.response.writeHead(span.isPart ? 206 : 200, {
        'Content-Type': 'application/x-git-bundle',
        'Content-Length': span.to - span.from,
        ...(span.isPart && { 'Content-Range': `bytes ${span.from}-${span.to - 1}/${opened.sizeBytes}` }),
      });
      if (exchange.request.method !== 'HEAD') await sendSpan(exchange, opened, span);
      exchange.end();
    } finally {
      await opened.pack.close();
    }
  }

  async #find({ repo, packName }: BundlePath): Promise<{ readonly pack: PackRef; readonly headerOid: Oid }> {
    const { metadataTimeoutMs: timeoutMs } = this.#options;
    const { packs } = await this.#modules.metadata.getRepo({ name: repo, includePacks: true }, { timeoutMs });
    const pack = packs.find(({ name }) => name === packName);
    if (pack?.bundleHeaderOid === undefined) throw noBundle(repo, packName);
    return { pack, headerOid: oidFromBytes(pack.bundleHeaderOid, 'pack list') };
  }

  /** The open file stays readable when the pack is replaced while it is sent. */
  async #open(repo: string, pack: PackRef, headerOid: Oid, signal: AbortSignal): Promise<OpenBundle> {
    const header = await this.#header(headerOid, signal);
    return await this.#modules.cache.use(repo, signal, async ({ path, refs }) => {
      const file = await openPack(packPath(path, pack.name, 'pack'), repo, pack.name);
      const size = await sizeOrClose(file);
      if (size === Number(pack.packSize)) return { header, pack: file, sizeBytes: header.length + size };
      await file.close();
      this.#modules.cache.doubt(refs);
      throw new StratumError('DATA_CORRUPT', `the cached pack ${pack.name} has ${size} bytes, not ${pack.packSize}`);
    });
  }

  async #header(oid: Oid, signal: AbortSignal): Promise<Buffer> {
    const known = this.#headers.get(oid);
    if (known !== undefined) return known;
    const { chunks } = await this.#modules.objects.get(oid, undefined, { signal });
    const header = Buffer.concat(await Array.fromAsync(chunks));
    this.#headers.set(oid, header);
    return header;
  }
}

async function openPack(path: string, repo: string, packName: string): Promise<FileHandle> {
  try {
    return await open(path);
  } catch (error) {
    // Replaced since the list was read.
    if (systemCode(error) === 'ENOENT') throw noBundle(repo, packName);
    throw error;
  }
}

async function sizeOrClose(file: FileHandle): Promise<number> {
  try {
    return (await file.stat()).size;
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function sendSpan(exchange: Exchange, { header, pack }: OpenBundle, { from, to }: ByteSpan): Promise<void> {
  if (from < header.length) await exchange.write(header.subarray(from, Math.min(to, header.length)));
  for (let at = Math.max(from, header.length); at < to; ) {
    const buffer = Buffer.allocUnsafe(Math.min(pieceBytes, to - at));
    const { bytesRead } = await pack.read(buffer, 0, buffer.length, at - header.length);
    // Ends with an error, so that the response is broken off: it must not look whole.
    if (bytesRead === 0) throw new StratumError('DATA_CORRUPT', 'a cached pack has become shorter while it was sent');
    await exchange.write(buffer.subarray(0, bytesRead));
    at += bytesRead;
  }
}

function noBundle(repo: string, packName: string): StratumError<'NOT_FOUND'> {
  return new StratumError(
    'NOT_FOUND',
    `repository ${repo} has no bundle ${packName}`,
    { kind: 'bundle', id: packName },
    { hint: 'the repository may have been repacked: ask for its bundles again' },
  );
}
