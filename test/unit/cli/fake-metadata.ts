import { StratumError } from '../../../src/base/errors.ts';
import type {
  GetRefsQuery,
  GetRepoLogQuery,
  ListReposQuery,
  MetadataApi,
  RestoreRepoQuery,
} from '../../../src/client/metadata-api.ts';
import type {
  CreateRepoRequest,
  DeleteRepoRequest,
  GetRepoRequest,
  PackRef,
  Ref,
  RenameRepoRequest,
  Repo,
  RepoLogEntry,
} from '../../../src/rpc/gen/stratum/v1/metadata.ts';

/** A repository of the fake. */
export interface FakeRepo {
  readonly repo: Repo;
  readonly refs: Ref[];
  readonly packs: PackRef[];
  /** Newest first. */
  readonly log: RepoLogEntry[];
}

/** When everything in the fake is deleted, in milliseconds since the Unix epoch. */
export const deletedAtMs = 1_700_000_000_000n;

/** Of a deletion that says nothing else, as the service has it. */
const graceMsDefault = 7n * 86_400_000n;

/** Pages of two, so that every caller has to turn them. */
const pageItems = 2;

/** The metadata service in memory, as commands see it. */
export class FakeMetadata implements MetadataApi {
  readonly repos = new Map<string, FakeRepo>();
  /** By id. */
  readonly deleted = new Map<string, FakeRepo>();

  async createRepo({ name, objectFormat, head }: CreateRepoRequest) {
    this.#assertFree(name);
    const repo: Repo = {
      name,
      id: 'f'.repeat(32),
      objectFormat,
      head,
      createdAtMs: 1n,
      refsGeneration: 0n,
      packsGeneration: 0n,
      refCount: 0n,
      packCount: 0n,
      packBytes: 0n,
      partition: 1,
    };
    this.repos.set(name, { repo, refs: [], packs: [], log: [] });
    return { repo };
  }

  async listRepos({ prefix, pageToken, deleted }: ListReposQuery) {
    const all = [...(deleted ? this.deleted : this.repos).values()].map(({ repo }) => repo);
    const matching = all
      .filter(({ name }) => name.startsWith(prefix))
      .sort((a, b) => (`${a.name} ${a.id}` < `${b.name} ${b.id}` ? -1 : 1));
    const from = Number(pageToken);
    const isLast = from + pageItems >= matching.length;
    return {
      repos: matching.slice(from, from + pageItems),
      nextPageToken: isLast ? '' : String(from + pageItems),
    };
  }

  async getRepo({ name, includePacks }: GetRepoRequest) {
    const { repo, packs } = this.#find(name);
    return { repo, packs: includePacks ? packs : [] };
  }

  async getRefs({ repo: name, prefixes = [] }: GetRefsQuery) {
    const { repo, refs } = this.#find(name);
    const isWanted = (ref: Ref) => prefixes.length === 0 || prefixes.some((prefix) => ref.name.startsWith(prefix));
    return { notModified: false, repo, refs: refs.filter(isWanted) };
  }

  async getRepoLog({ repo, pageToken, pageSize, ref = '' }: GetRepoLogQuery) {
    const entries = this.#find(repo).log.filter((entry) => ref === '' || entry.ref === ref);
    const from = Number(pageToken);
    const to = from + Math.min(pageItems, pageSize);
    return { entries: entries.slice(from, to), nextPageToken: to < entries.length ? String(to) : '' };
  }

  async deleteRepo({ name, expectedId, graceMs = graceMsDefault }: DeleteRepoRequest) {
    const found = this.repos.get(name);
    if (found === undefined) return { deleted: false };
    this.#assertId(found.repo, expectedId);
    this.repos.delete(name);
    const purgeAtMs = deletedAtMs + graceMs;
    if (graceMs > 0n) {
      this.deleted.set(found.repo.id, { ...found, repo: { ...found.repo, deletedAtMs, purgeAtMs } });
    }
    return { deleted: true, purgeAtMs };
  }

  async restoreRepo({ id = '', name = '', newName = '' }: RestoreRepoQuery) {
    const found = [...this.deleted.values()].filter(({ repo }) => (id === '' ? repo.name === name : repo.id === id));
    const [only] = found;
    if (only === undefined) {
      const details = { kind: 'deleted repo', id: id || name };
      throw new StratumError('REPO_NOT_FOUND', `no deleted ${details.id}`, details);
    }
    const { deletedAtMs: _deleted, purgeAtMs: _purge, ...kept } = only.repo;
    const repo = { ...kept, name: newName || kept.name };
    this.#assertFree(repo.name);
    this.deleted.delete(repo.id);
    this.repos.set(repo.name, { ...only, repo });
    return { repo };
  }

  async renameRepo({ name, expectedId, newName }: RenameRepoRequest) {
    const found = this.#find(name);
    this.#assertId(found.repo, expectedId);
    this.#assertFree(newName);
    const repo = { ...found.repo, name: newName };
    this.repos.delete(name);
    this.repos.set(newName, { ...found, repo });
    return { repo };
  }

  updateRefs = absent;
  replacePacks = absent;
  acquireMaintenance = absent;
  releaseMaintenance = absent;
  setHead = absent;

  #find(name: string): FakeRepo {
    const found = this.repos.get(name);
    if (found === undefined) throw new StratumError('REPO_NOT_FOUND', `no ${name}`, { kind: 'repo', id: name });
    return found;
  }

  #assertFree(name: string): void {
    if (this.repos.has(name)) throw new StratumError('REPO_EXISTS', `${name} exists`, { kind: 'repo', id: name });
  }

  #assertId({ id, name }: Repo, expected: string): void {
    if (id === expected) return;
    throw new StratumError('VERSION_CONFLICT', `${name} is another one`, { what: name, expected, current: id });
  }
}

function absent(): Promise<never> {
  return Promise.reject(new StratumError('UNIMPLEMENTED', 'not part of the fake'));
}
