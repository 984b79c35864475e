import type { ErrorCode } from '../../base/error-codes.ts';
import type { StratumError } from '../../base/errors.ts';
import type { MetadataApi } from '../../client/metadata-api.ts';
import type { ObjectApi } from '../../replication/object-api.ts';
import type { PackRef, Ref } from '../../rpc/gen/stratum/v1/metadata.ts';
import type { Location, Locator } from '../locate/locate.ts';
import type { Verdict } from '../locate/verdict.ts';
import { absentObjects } from './absent-objects.ts';
import { blobsOfPack, type PackBlob } from './pack-blobs.ts';

/** Blobs that are asked for at once: enough for one question to each node, few enough to tell how it goes on. */
const blobsAtOnceMax = 2_000;

/** Errors that say for certain that an index is not what it should be. */
const brokenCodes: ReadonlySet<ErrorCode> = new Set(['DATA_CORRUPT', 'CHECKSUM_MISMATCH', 'BLOB_NOT_FOUND'] as const);

/** Verdicts, best first. */
const bySeverity: readonly Verdict[] = ['', 'ok', 'degraded', 'unknown', 'below-w', 'lost'];

/** One thing that is wrong with a repository, in JSON. */
export interface RepoProblem {
  /** "copies": a blob has too few good ones; "index": it cannot be read; "object": a ref leads to one that no pack has. */
  readonly kind: 'copies' | 'index' | 'object';
  /** The file of a pack, or the name of a ref. */
  readonly subject: string;
  /** Id of the blob, or of the Git object. */
  readonly id: string;
  readonly verdict: Verdict;
  readonly detail: string;
}

/** What was found in a repository, in JSON. */
export interface RepoCheckItem {
  readonly name: string;
  readonly id: string;
  readonly verdict: Verdict;
  readonly refCount: number;
  readonly packCount: number;
  readonly blobCount: number;
  readonly problems: readonly RepoProblem[];
}

/** What a check works with. */
export interface RepoCheckModules {
  readonly metadata: MetadataApi;
  readonly objects: Pick<ObjectApi, 'get'>;
  /** Asks the nodes to verify. */
  readonly locator: Pick<Locator, 'locateMany'>;
  /** Told how far it is. */
  readonly onProgress: (text: string) => void;
  /** Sees every answer of the nodes as it comes. */
  readonly onLocations: (found: readonly Location[]) => void;
}

/** Checks repositories, one at a time. Nothing is changed, but that reading an index may heal it. */
export class RepoChecker {
  readonly #modules: RepoCheckModules;
  readonly #signal: AbortSignal;

  constructor(options: { readonly signal: AbortSignal }, modules: RepoCheckModules) {
    this.#signal = options.signal;
    this.#modules = modules;
  }

  /**
   * Whether each blob of each pack has W verified copies, and each ref leads to an object that a pack has.
   * REPO_NOT_FOUND; what nodes answer badly, or not at all, is part of the result.
   */
  async check(name: string): Promise<RepoCheckItem> {
    const { metadata } = this.#modules;
    // The refs first: a pack that is added meanwhile does not harm, while a ref might lead to one not listed yet.
    const { refs } = await metadata.getRefs({ repo: name, ifGenerationNot: 0n, ifRepoId: '' });
    const { repo, packs } = await metadata.getRepo({ name, includePacks: true });
    const blobs = packs.flatMap(blobsOfPack);
    const problems = [...(await this.#copies(name, blobs)), ...(await this.#objects(name, refs, packs))];
    const counts = { refCount: refs.length, packCount: packs.length, blobCount: blobs.length };
    return { name, id: repo?.id ?? '', verdict: worst(problems), ...counts, problems };
  }

  async #copies(name: string, blobs: readonly PackBlob[]): Promise<RepoProblem[]> {
    const problems: RepoProblem[] = [];
    for (let at = 0; at < blobs.length; at += blobsAtOnceMax) {
      this.#modules.onProgress(`${name}: ${at} of ${blobs.length} blobs`);
      const slice = blobs.slice(at, at + blobsAtOnceMax);
      const found = await this.#modules.locator.locateMany(slice.map(({ oid }) => oid));
      this.#modules.onLocations(found);
      for (const [index, { file, oid }] of slice.entries()) {
        const location = found[index];
        if (location !== undefined && location.verdict !== 'ok') {
          const { verdict } = location;
          problems.push({ kind: 'copies', subject: file, id: oid, verdict, detail: detailOf(location) });
        }
      }
    }
    return problems;
  }

  async #objects(name: string, refs: readonly Ref[], packs: readonly PackRef[]): Promise<RepoProblem[]> {
    this.#modules.onProgress(`${name}: ${refs.length} refs`);
    const wanted = refs.flatMap(({ objectId, peeledId }) => (peeledId === '' ? [objectId] : [objectId, peeledId]));
    const { absent, unread } = await absentObjects(wanted, packs, this.#modules, this.#signal);
    const indexes = unread.map(({ pack, error }) => indexProblem(pack, error));
    // What no readable index has may be in one that could not be read.
    const verdict = unread.length === 0 ? 'lost' : 'unknown';
    const lost = refs.flatMap(({ name: subject, objectId, peeledId }) =>
      [objectId, peeledId]
        .filter((id) => absent.has(id))
        .map((id): RepoProblem => {
          const detail = `${id} is in no pack${unread.length === 0 ? '' : ' whose index could be read'}`;
          return { kind: 'object', subject, id, verdict, detail };
        }),
    );
    return [...indexes, ...lost];
  }
}

function indexProblem(pack: PackRef, { code, message }: StratumError): RepoProblem {
  const index = blobsOfPack(pack).find(({ file }) => file.endsWith('.idx'));
  return {
    kind: 'index',
    subject: index?.file ?? pack.name,
    id: index?.oid ?? '',
    verdict: brokenCodes.has(code) ? 'lost' : 'unknown',
    detail: `${code}: ${message}`,
  };
}

function detailOf({ replicas }: Location): string {
  return replicas.map(({ nodeId, presence }) => `${nodeId} ${presence}`).join(', ');
}

function worst(problems: readonly RepoProblem[]): Verdict {
  const ranks = problems.map(({ verdict }) => bySeverity.indexOf(verdict));
  return bySeverity[Math.max(bySeverity.indexOf('ok'), ...ranks)] ?? 'lost';
}
