import type { Clock } from '../../../base/clock.ts';
import { explain, hasCode, StratumError } from '../../../base/errors.ts';
import type { Logger } from '../../../base/log.ts';
import type { MetadataApi, MetadataCallOptions } from '../../../client/metadata-api.ts';
import type { GitRunner } from '../../../git/git-runner.ts';
import type { ObjectApi } from '../../../replication/object-api.ts';
import type { PackRef, Repo } from '../../../rpc/gen/stratum/v1/metadata.ts';
import { linkPack, listPackNames, writeRefs } from '../bare-repository.ts';
import type { BareRepositoryCache, CachedRepository } from '../bare-repository-cache.ts';
import { publishPack } from '../pack-publisher.ts';
import type { RepositoryRefs } from '../ref-reader.ts';
import { bundleHeader } from './bundle-header.ts';
import { type MaintenancePlan, type PlannedPack, planMaintenance } from './maintenance-plan.ts';
import { assertSameObjects, type RepackedPack, type RepackQuestion, repackFull, repackGeometric } from './repack.ts';
import type { Scratch, ScratchFolder } from './scratch-folder.ts';

/** Values of the repacking. */
export interface RepackerOptions {
  /** For how long unreachable objects are kept, in milliseconds. */
  readonly graceMs: number;
  /** Milliseconds for one call of the metadata service. */
  readonly metadataTimeoutMs: number;
}

/** What repacks. */
export interface RepackerModules {
  readonly clock: Clock;
  readonly log: Logger;
  readonly git: GitRunner;
  readonly repositories: Pick<BareRepositoryCache, 'use' | 'adopt' | 'doubt'>;
  readonly objects: ObjectApi;
  readonly metadata: MetadataApi;
  readonly scratch: ScratchFolder;
}

/** Which repository, and how thoroughly. */
export interface RepackRequest {
  readonly name: string;
  /** Everything even where less would do. */
  readonly full: boolean;
}

/** Told each step as it begins. */
export type OnRepackStep = (step: 'fetch' | 'repack' | 'upload' | 'swap', text: string) => void;

/** A repository, and what to do with it. */
export interface Decision {
  readonly repo: Repo;
  readonly plan: MaintenancePlan;
}

/** What came of it. */
export interface RepackOutcome {
  readonly changed: boolean;
  /** In words. */
  readonly text: string;
  readonly before: Repo;
  readonly after: Repo;
}

/** What is repacked, as it was at one moment. */
interface Prepared {
  readonly repo: Repo;
  readonly refs: RepositoryRefs;
  readonly packs: readonly PackRef[];
  readonly plan: MaintenancePlan;
  /** Refs and packs are of one moment, so what the refs do not reach was reached by nobody then. */
  readonly isOneMoment: boolean;
}

/** Pushes may come between the reads of refs and packs; after so many tries refs that are older than the packs have to do. */
const readsMax = 5;

/** For the first look, in milliseconds: commands wait ten seconds for a step, and are to hear who is silent. */
const decideTimeoutMs = 8_000;

/** Another maintenance, or an operator, has changed the same packs: after so many conflicts somebody else is at work. */
const attemptsMax = 3;

/**
 * Repacks one repository: hard links of its cached packs, git in a scratch repository, the result as blobs, and a
 * compare-and-swap of the pack list. A crash at any moment leaves the old list or the new one. What the refs do not reach
 * stays in a pack of its own, because a push that is under way may build on it; it is dropped after its grace time, only
 * if refs and packs are those that it was judged by, and pushes that were checked before are refused then. Blobs that
 * are no longer listed stay where they are: nothing collects them yet.
 */
export class Repacker {
  readonly #options: RepackerOptions;
  readonly #modules: RepackerModules;
  readonly #removals = new Set<Promise<void>>();

  constructor(options: RepackerOptions, modules: RepackerModules) {
    this.#options = options;
    this.#modules = modules;
  }

  /** What there is to do by the pack list. REPO_NOT_FOUND. */
  async decide({ name, full }: RepackRequest, signal: AbortSignal): Promise<Decision> {
    const timeoutMs = Math.min(decideTimeoutMs, this.#options.metadataTimeoutMs);
    const { repo, packs } = await this.#readPacks(name, { timeoutMs, signal });
    return { repo, plan: this.#plan(packs, full) };
  }

  /** Does it. VERSION_CONFLICT when others keep changing the same packs; whatever fails leaves a list that is whole. */
  async run(request: RepackRequest, onStep: OnRepackStep, signal: AbortSignal): Promise<RepackOutcome> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#runOnce(request, onStep, signal);
      } catch (error) {
        if (attempt === attemptsMax || !hasCode(error, 'VERSION_CONFLICT')) throw error;
        this.#modules.log.info(
          { repo: request.name, reason: explain(error) },
          'the packs have changed: repacking again',
        );
      }
    }
  }

  /** Resolves when no scratch repository is left: writes that go on in the background read from them. */
  async settled(): Promise<void> {
    await Promise.all(this.#removals);
  }

  async #runOnce({ name, full }: RepackRequest, onStep: OnRepackStep, signal: AbortSignal): Promise<RepackOutcome> {
    onStep('fetch', 'brings refs and packs up to date');
    let scratch: Scratch | undefined;
    let settled: Promise<unknown> = Promise.resolve();
    try {
      const prepared = await this.#prepare(name, full, signal, async (repository, planned) => {
        const { objectFormat } = repository.refs.snapshot;
        scratch = await this.#modules.scratch.create(objectFormat, resultBytesOf(planned));
        for (const pack of planned.packs) await linkPack(pack.name, repository.path, scratch.sourcePath);
        await writeRefs(scratch.sourcePath, repository.refs.snapshot);
      });
      const { repo, plan } = prepared;
      if (plan.kind === 'none' || scratch === undefined) {
        return { changed: false, text: plan.why, before: repo, after: repo };
      }
      onStep('repack', `${plan.kind} repack of ${plan.replace.length} packs: ${plan.why}`);
      const made = await this.#repack(prepared, plan, scratch, signal);
      const { resultPath } = scratch;
      onStep('upload', `stores ${made.length} packs`);
      const header = plan.kind === 'full' ? bundleHeader(prepared.refs.snapshot) : undefined;
      const publications = made.map((pack) => {
        const extras = pack.hasBitmap ? { bundleHeader: header } : {};
        return publishPack(this.#modules.objects, { ...pack, ...extras }, resultPath, signal);
      });
      settled = Promise.all(publications.map((publication) => publication.settled));
      const published = await Promise.all(publications.map((publication) => publication.published));
      signal.throwIfAborted();
      onStep('swap', 'changes the pack list');
      const packsGeneration = await this.#swap(
        prepared,
        plan,
        published.map(({ ref }) => ref),
      );
      await this.#adopt(prepared.refs, made, resultPath);
      const dropped = plan.kind === 'full' ? await this.#drop(prepared, plan.expired, packsGeneration) : 0;
      return await this.#outcome(prepared, plan.replace.length, made, dropped);
    } finally {
      if (scratch !== undefined) this.#removeLater(scratch, settled);
    }
  }

  /** Refs and packs of one moment where that can be had; `link` is called while the cached packs cannot go. */
  async #prepare(
    name: string,
    full: boolean,
    signal: AbortSignal,
    link: (repository: CachedRepository, prepared: Prepared) => Promise<void>,
  ): Promise<Prepared> {
    for (let read = 1; ; read += 1) {
      const prepared = await this.#modules.repositories.use(name, signal, async (repository) => {
        const { refs, path } = repository;
        const { repo, packs: listed } = await this.#readPacks(name, { signal });
        if (repo.id !== refs.repo.id) throw madeAgain(repo, refs);
        const present = await listPackNames(path);
        const packs = listed.filter((pack) => present.has(pack.name));
        const isOneMoment = repo.refsGeneration === refs.repo.refsGeneration && packs.length === listed.length;
        if (!isOneMoment && read < readsMax) return undefined;
        const plan = this.#plan(packs, full);
        const found = { repo, refs, packs, plan, isOneMoment };
        if (plan.kind !== 'none') await link(repository, found);
        return found;
      });
      if (prepared !== undefined) return prepared;
    }
  }

  async #repack(
    { refs, packs }: Prepared,
    plan: Exclude<MaintenancePlan, { kind: 'none' }>,
    scratch: Scratch,
    signal: AbortSignal,
  ): Promise<readonly RepackedPack[]> {
    const { git, repositories } = this.#modules;
    const linked = packs.map(({ name }) => name);
    const format = refs.snapshot.objectFormat;
    const question: RepackQuestion = { scratch, format, replace: plan.replace, linked, signal };
    try {
      const made = plan.kind === 'full' ? await repackFull(git, question) : await repackGeometric(git, question);
      await assertSameObjects(question, made);
      return made;
    } catch (error) {
      // The cached packs may be damaged: they are looked at before they are used again.
      if (!signal.aborted) repositories.doubt(refs);
      throw error;
    }
  }

  /** What was added since the packs were read stays listed: the made packs hold every object of those that go. */
  async #swap(
    { repo }: Prepared,
    { replace }: Exclude<MaintenancePlan, { kind: 'none' }>,
    add: readonly PackRef[],
  ): Promise<bigint> {
    if (replace.length === 0 && add.length === 0) return repo.packsGeneration;
    const request = {
      repo: repo.name,
      repoId: repo.id,
      remove: [...replace],
      add: [...add],
      expectedGeneration: repo.packsGeneration,
      allowAdded: replace.length > 0,
    };
    // Not tied to the signal: what has begun is brought to its end, or its outcome would be unknown.
    const { packsGeneration } = await this.#modules.metadata.replacePacks(request, this.#callOptions());
    return packsGeneration;
  }

  /** Drops packs of unreachable objects if refs and packs are still those that they were judged by; how many went. */
  async #drop({ repo, isOneMoment }: Prepared, expired: readonly string[], generation: bigint): Promise<number> {
    // One change of the list is this run's own.
    if (expired.length === 0 || !isOneMoment || generation > repo.packsGeneration + 1n) return 0;
    const request = {
      repo: repo.name,
      repoId: repo.id,
      remove: [...expired],
      add: [],
      expectedGeneration: generation,
      expectedRefsGeneration: repo.refsGeneration,
    };
    try {
      await this.#modules.metadata.replacePacks(request, this.#callOptions());
      return expired.length;
    } catch (error) {
      if (!hasCode(error, 'VERSION_CONFLICT')) throw error;
      this.#modules.log.info({ repo: repo.name, reason: explain(error) }, 'unreachable objects are kept: a push came');
      return 0;
    }
  }

  /** So that this frontend need not download what it has made. */
  async #adopt(refs: RepositoryRefs, made: readonly RepackedPack[], fromPath: string): Promise<void> {
    try {
      for (const { name } of made) await this.#modules.repositories.adopt(refs, name, fromPath);
    } catch (error) {
      this.#modules.log.warn({ repo: refs.repo.name, reason: explain(error) }, 'packs not taken into the cache');
    }
  }

  async #outcome(
    { repo: before }: Prepared,
    replaced: number,
    made: readonly RepackedPack[],
    dropped: number,
  ): Promise<RepackOutcome> {
    const { repo: after } = await this.#readPacks(before.name);
    const drops = dropped === 0 ? '' : `; ${dropped} packs of unreachable objects dropped`;
    return { changed: true, text: `${replaced} packs became ${made.length}${drops}`, before, after };
  }

  async #readPacks(
    name: string,
    options: MetadataCallOptions = {},
  ): Promise<{ readonly repo: Repo; readonly packs: readonly PackRef[] }> {
    const call = { ...this.#callOptions(), ...options };
    const { repo, packs } = await this.#modules.metadata.getRepo({ name, includePacks: true }, call);
    if (repo !== undefined) return { repo, packs };
    throw new StratumError('INTERNAL', `the packs of ${name} came without their repository`);
  }

  #plan(packs: readonly PackRef[], full: boolean): MaintenancePlan {
    const { graceMs } = this.#options;
    return planMaintenance(packs.map(plannedPack), { full, graceMs, nowMs: this.#modules.clock.nowMs() });
  }

  #callOptions(): { readonly timeoutMs: number } {
    return { timeoutMs: this.#options.metadataTimeoutMs };
  }

  #removeLater(scratch: Scratch, settled: Promise<unknown>): void {
    const removal = settled
      .then(() => scratch.remove())
      .catch((error: unknown) => this.#modules.log.warn({ reason: explain(error) }, 'scratch repository not removed'))
      .finally(() => this.#removals.delete(removal));
    this.#removals.add(removal);
  }
}

/** Objects are copied as they are, deltas and all: the result is about as large as what it replaces. */
function resultBytesOf({ packs, plan }: Prepared): number {
  const replaced = new Set(plan.kind === 'none' ? [] : plan.replace);
  return packs.reduce((bytes, { name, packSize }) => bytes + (replaced.has(name) ? Number(packSize) : 0), 0);
}

function plannedPack(pack: PackRef): PlannedPack {
  return {
    name: pack.name,
    objectCount: Number(pack.objectCount),
    hasBitmap: pack.bitmapOid.length > 0,
    isUnreachable: pack.unreachable === true,
    addedAtMs: Number(pack.addedAtMs),
  };
}

function madeAgain(repo: Repo, refs: RepositoryRefs): StratumError<'VERSION_CONFLICT'> {
  return new StratumError('VERSION_CONFLICT', `repository ${repo.name} was made again while it was read`, {
    what: repo.name,
    expected: refs.repo.id,
    current: repo.id,
  });
}
