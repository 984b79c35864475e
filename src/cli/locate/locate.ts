import pLimit from 'p-limit';
import type { Clock } from '../../base/clock.ts';
import { StratumError } from '../../base/errors.ts';
import { isOid, type Oid } from '../../base/oid.ts';
import { formatOfId } from '../../git/object-id.ts';
import type { ClusterConnection, TopologySnapshot } from '../connection.ts';
import type { FoundPack } from './find-packs.ts';
import { type Replica, ReplicaPlacer } from './replica.ts';
import { ReplicaSurvey } from './replica-survey.ts';
import { type Verdict, verdictOf } from './verdict.ts';

/** Where one blob is: the blob that was asked for, or a pack that holds the Git object. */
export interface Location {
  /** The id that was asked for. */
  readonly id: string;
  readonly oid: Oid;
  /** Empty for a blob. */
  readonly repo: string;
  /** Git's name of the pack; empty for a blob. */
  readonly pack: string;
  readonly size: number;
  readonly ringEpoch: bigint;
  /** In order of preference. */
  readonly replicas: readonly Replica[];
  readonly verdict: Verdict;
}

/** Git objects that are looked for at once: each has its packs' indexes read. */
const searchesAtOnceMax = 4;

/** How to locate. */
export interface LocateOptions {
  /** Ask the nodes: "hold" what they hold, "verify" after hashing it; otherwise no node is asked about a blob. */
  readonly ask?: 'hold' | 'verify' | undefined;
  /** The ids are Git objects', to be looked for in this repository. */
  readonly repo?: string | undefined;
  /** Milliseconds that each node has for one answer. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** What a locator works with. */
export interface LocatorModules {
  readonly snapshot: TopologySnapshot;
  readonly cluster: ClusterConnection;
  readonly clock: Clock;
}

/** Checks what was typed: INVALID_ARGUMENT unless it is a blob id or a Git object id. */
export function parseLocatable(text: string): string {
  if (isOid(text)) return text;
  const id = text.trim().toLowerCase();
  if (formatOfId(id) !== undefined) return id;
  const expected = 'a blob id (64 hex digits) or a Git object id (40, or 64 in a sha256 repository)';
  const reason = `"${text.slice(0, 80)}" is not an id`;
  throw new StratumError(
    'INVALID_ARGUMENT',
    `oid: ${reason}`,
    { field: 'oid', reason, expected },
    {
      hint: `expected ${expected}; abbreviated ids are not resolved`,
    },
  );
}

type LocatedBlob = Pick<FoundPack, 'oid' | 'repo' | 'pack' | 'size'> & { readonly id: string };

/** Finds the replicas of blobs, and the packs of Git objects. */
export class Locator {
  readonly #options: LocateOptions;
  readonly #modules: LocatorModules;
  readonly #placer: ReplicaPlacer;
  readonly #survey: ReplicaSurvey;

  /** NOT_READY before a ring is formed. */
  constructor(options: LocateOptions, modules: LocatorModules) {
    this.#options = options;
    this.#modules = modules;
    this.#placer = new ReplicaPlacer(modules.snapshot.topology);
    this.#survey = new ReplicaSurvey({ ...options, verify: options.ask === 'verify' }, modules);
  }

  /**
   * The locations of an id. 40 digits are a Git object's; 64 are a blob's unless no node holds such
   * a blob and a sha256 repository has such an object, or a repository was named.
   */
  async locate(id: string): Promise<Location[]> {
    if (!this.#isBlob(id) || this.#options.ask === 'hold') return this.locateMany([id]);
    if (await this.#isHeld(id)) return this.#blobs([blobOf(id)]);
    const packs = await this.#packsOf(id);
    return this.#blobs(packs.length === 0 ? [blobOf(id)] : packs);
  }

  /**
   * The locations of many ids, in their order; 64 digits are a blob's unless a repository was named, so
   * that no node is asked unless it is to say what it holds. `onFailure` is told of each id that fails.
   */
  async locateMany(ids: readonly string[], onFailure: (error: unknown) => void = rethrow): Promise<Location[]> {
    const limit = pLimit(searchesAtOnceMax);
    const searches = ids.map((id): LocatedBlob | Promise<readonly LocatedBlob[]> => {
      if (this.#isBlob(id)) return blobOf(id);
      return limit(() => this.#packsHolding(id)).catch((error: unknown) => {
        this.#options.signal.throwIfAborted();
        onFailure(error);
        return [];
      });
    });
    const found: LocatedBlob[] = [];
    for (const search of searches) {
      // To wait for what is there already would cost more than to place it.
      if (search instanceof Promise) found.push(...(await search));
      else found.push(search);
    }
    return this.#blobs(found);
  }

  /** Where a blob is placed; no node is asked. */
  replicasOf(oid: Oid): readonly Replica[] {
    return this.#placer.replicasOf(oid);
  }

  /** Where blobs are, asked as the options say. */
  async #blobs(blobs: readonly LocatedBlob[]): Promise<Location[]> {
    const { epoch, replicationFactor: wanted, writeQuorum: quorum } = this.#placer.topology.ring;
    const placed = blobs.map((blob) => {
      const replicas = this.#placer.replicasOf(blob.oid);
      const { id, oid, repo, pack, size } = blob;
      return { id, oid, repo, pack, size, ringEpoch: epoch, replicas, verdict: '' as const };
    });
    if (this.#options.ask === undefined) return placed;
    const answers = await this.#survey.ask(placed);
    return placed.map((location, index) => {
      const replicas = answers[index] ?? location.replicas;
      const size = Math.max(location.size, ...replicas.map((replica) => replica.size));
      return { ...location, size, replicas, verdict: verdictOf(replicas, { wanted, quorum }) };
    });
  }

  #isBlob(id: string): id is Oid {
    return this.#options.repo === undefined && isOid(id);
  }

  /** Whether any node of its placement says that it holds the blob. */
  async #isHeld(oid: Oid): Promise<boolean> {
    const survey = new ReplicaSurvey({ ...this.#options, verify: false }, this.#modules);
    const [replicas = []] = await survey.ask([{ oid, replicas: this.#placer.replicasOf(oid) }]);
    return replicas.some(({ presence }) => presence === 'present' || presence === 'corrupt');
  }

  /** NOT_FOUND when there is none. */
  async #packsHolding(objectId: string): Promise<readonly LocatedBlob[]> {
    const packs = await this.#packsOf(objectId);
    if (packs.length === 0) throw notFound(objectId, this.#options.repo);
    return packs;
  }

  async #packsOf(objectId: string): Promise<readonly LocatedBlob[]> {
    const { cluster } = this.#modules;
    const [{ findPacks }, metadata, objects] = await Promise.all([
      import('./find-packs.ts'),
      cluster.metadata(),
      cluster.objects(),
    ]);
    const { repo, signal } = this.#options;
    const packs = await findPacks({ objectId, repo, signal }, { metadata, objects });
    return packs.map((pack) => ({ ...pack, id: objectId }));
  }
}

function blobOf(oid: Oid): LocatedBlob {
  return { id: oid, oid, repo: '', pack: '', size: 0 };
}

function rethrow(error: unknown): never {
  throw error;
}

function notFound(id: string, repo: string | undefined): StratumError {
  const where = repo === undefined ? 'no pack of any repository' : `no pack of ${repo}`;
  return new StratumError('NOT_FOUND', `${where} holds the Git object ${id}`, { kind: 'git object', id });
}
