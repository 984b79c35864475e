import { StratumError } from '../../../../src/base/errors.ts';
import type { MetadataApi } from '../../../../src/client/metadata-api.ts';
import { isZeroId, zeroId } from '../../../../src/git/object-id.ts';
import type {
  PackRef,
  Ref,
  Repo,
  UpdateRefsRequest,
  UpdateRefsResponse,
} from '../../../../src/rpc/gen/stratum/v1/metadata.ts';

interface StoredRepo {
  repo: Repo;
  refs: Map<string, Ref>;
  packs: PackRef[];
}

/** A metadata service in memory, with the compare-and-swap of the real one; calls are recorded and may be made to fail. */
export class MemoryMetadata implements MetadataApi {
  readonly repos = new Map<string, StoredRepo>();
  readonly calls: string[] = [];
  readonly updates: UpdateRefsRequest[] = [];
  /** Refs in each answer of GetRefs; none in "not modified". */
  readonly refsAnswered: number[] = [];
  /** Called before each call; what it throws is the call's error. */
  before: (call: string) => Promise<void> | void = () => undefined;
  /** Called after a swap was applied and before it is answered. */
  afterUpdate: () => Promise<void> | void = () => undefined;
  #made = 0;

  createRepo: MetadataApi['createRepo'] = async ({ name, objectFormat, head }) => {
    await this.#enter('createRepo');
    if (this.repos.has(name)) {
      throw new StratumError('REPO_EXISTS', `repository ${name} exists`, { kind: 'repository', id: name });
    }
    this.#made += 1;
    const repo: Repo = {
      name,
      id: String(this.#made).padStart(32, '0'),
      objectFormat,
      head: head || 'refs/heads/main',
      createdAtMs: 0n,
      refsGeneration: 0n,
      packsGeneration: 0n,
      refCount: 0n,
      packCount: 0n,
      packBytes: 0n,
      partition: 0,
    };
    this.repos.set(name, { repo, refs: new Map(), packs: [] });
    return { repo };
  };

  deleteRepo: MetadataApi['deleteRepo'] = async ({ name }) => ({ deleted: this.repos.delete(name) });

  listRepos: MetadataApi['listRepos'] = async () => {
    await this.#enter('listRepos');
    return { repos: [...this.repos.values()].map(({ repo }) => repo), nextPageToken: '' };
  };

  getRepo: MetadataApi['getRepo'] = async ({ name, includePacks }) => {
    await this.#enter('getRepo');
    const { repo, packs } = this.#find(name);
    return { repo: { ...repo }, packs: includePacks ? [...packs] : [] };
  };

  getRefs: MetadataApi['getRefs'] = async ({ repo: name, ifRepoId, ifGenerationNot }) => {
    await this.#enter('getRefs');
    const { repo, refs } = this.#find(name);
    if (ifRepoId === repo.id && ifGenerationNot === repo.refsGeneration) {
      this.refsAnswered.push(0);
      return { notModified: true, repo: { ...repo }, refs: [] };
    }
    const sorted = [...refs.values()].sort((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)));
    this.refsAnswered.push(sorted.length);
    return { notModified: false, repo: { ...repo }, refs: sorted };
  };

  updateRefs: MetadataApi['updateRefs'] = async (request) => {
    await this.#enter('updateRefs');
    this.updates.push(request);
    const answer = this.#apply(request);
    await this.afterUpdate();
    return answer;
  };

  setHead: MetadataApi['setHead'] = async ({ repo: name, head }) => {
    const { repo } = this.#find(name);
    repo.head = head;
    repo.refsGeneration += 1n;
    return { repo };
  };

  replacePacks: MetadataApi['replacePacks'] = async ({ repo: name, remove, add }) => {
    const stored = this.#find(name);
    stored.packs = [...stored.packs.filter((pack) => !remove.includes(pack.name)), ...add];
    stored.repo.packsGeneration += 1n;
    return { packsGeneration: stored.repo.packsGeneration };
  };

  acquireMaintenance: MetadataApi['acquireMaintenance'] = async ({ holder, ttlMs }) => {
    return { granted: true, holder, expiresAtMs: ttlMs };
  };

  releaseMaintenance: MetadataApi['releaseMaintenance'] = async () => ({ released: true });

  restoreRepo: MetadataApi['restoreRepo'] = async () => {
    throw new StratumError('UNIMPLEMENTED', 'not in this fake');
  };

  renameRepo: MetadataApi['renameRepo'] = async () => {
    throw new StratumError('UNIMPLEMENTED', 'not in this fake');
  };

  getRepoLog: MetadataApi['getRepoLog'] = async () => {
    throw new StratumError('UNIMPLEMENTED', 'not in this fake');
  };

  #apply(request: UpdateRefsRequest): UpdateRefsResponse {
    const stored = this.#find(request.repo);
    const results = request.commands.map(({ name, oldId, newId }) => {
      const current = stored.refs.get(name)?.objectId ?? zeroId(newId.length === 64 ? 'sha256' : 'sha1');
      const error = current === oldId ? '' : `cannot lock ref '${name}': is at ${current} but expected ${oldId}`;
      return { name, updated: error === '', errorCode: error === '' ? '' : 'REF_CONFLICT', errorMessage: error };
    });
    if (request.atomic && results.some((result) => !result.updated)) {
      for (const result of results) {
        if (!result.updated) continue;
        Object.assign(result, { updated: false, errorCode: 'REF_CONFLICT', errorMessage: 'atomic transaction failed' });
      }
    }
    const { packsDroppedGeneration: dropped = -1n } = stored.repo;
    if (request.packsGeneration !== undefined && request.packsGeneration < dropped) {
      const details = { what: 'packs', expected: String(request.packsGeneration), current: String(dropped) };
      throw new StratumError('VERSION_CONFLICT', 'packs were dropped meanwhile', details, { hint: 'push again' });
    }
    const changed = request.commands.filter((_, at) => results[at]?.updated);
    for (const { name, newId, newPeeledId } of changed) {
      if (isZeroId(newId)) stored.refs.delete(name);
      else stored.refs.set(name, { name, objectId: newId, peeledId: newPeeledId });
    }
    if (changed.length > 0) {
      stored.repo.refsGeneration += 1n;
      if (request.packs.length > 0) stored.repo.packsGeneration += 1n;
      stored.packs.push(...request.packs);
    }
    return { results, refsGeneration: stored.repo.refsGeneration, replayed: false };
  }

  async #enter(call: string): Promise<void> {
    this.calls.push(call);
    await this.before(call);
  }

  #find(name: string): StoredRepo {
    const stored = this.repos.get(name);
    if (stored !== undefined) return stored;
    throw new StratumError('REPO_NOT_FOUND', `there is no repository ${name}`, { kind: 'repository', id: name });
  }
}
