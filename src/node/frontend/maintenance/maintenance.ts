import { LRUCache } from 'lru-cache';
import { asStratumError, explain, hasCode, StratumError } from '../../../base/errors.ts';
import type { Part } from '../../../base/lifecycle.ts';
import type { Random } from '../../../base/random.ts';
import { MiB } from '../../../base/units.ts';
import type { MaintenanceProgress } from '../../../client/frontend-api.ts';
import type { FrontendObserver } from '../frontend-metrics.ts';
import type { RepositoryRefs } from '../ref-reader.ts';
import { type MaintenanceLeaseOptions, withMaintenanceLease } from './maintenance-lease.ts';
import { packsGoodMax } from './maintenance-plan.ts';
import { QuietQueue } from './quiet-queue.ts';
import { type Decision, Repacker, type RepackerModules, type RepackOutcome, type RepackRequest } from './repacker.ts';
import { ScratchFolder } from './scratch-folder.ts';
import { StepFeed } from './step-feed.ts';

/** Values of the maintenance. */
export interface MaintenanceOptions {
  /** Who the others see at the lease: this node. */
  readonly holder: string;
  /** For scratch repositories, on the file system of the cached repositories; what is in it is deleted at the start. */
  readonly folder: string;
  /** Whether pushes lead to maintenance; what an operator asks for is done in any case. */
  readonly enabled: boolean;
  /** For how long unreachable objects are kept, in milliseconds; 14 days unless given. */
  readonly graceMs?: number;
}

/** What maintenance works with. */
export interface MaintenanceModules extends Omit<RepackerModules, 'scratch'> {
  readonly random: Random;
  readonly observer?: Pick<FrontendObserver, 'maintained'> | undefined;
  /** Aborts when the frontend stops. */
  readonly stopping: AbortSignal;
}

/** How to maintain a repository. */
export interface MaintenanceRunOptions {
  /** Everything into one pack even where less would do. */
  readonly full: boolean;
  /** Only say what would be done. */
  readonly dryRun: boolean;
}

interface Run {
  readonly full: boolean;
  readonly feed: StepFeed<MaintenanceProgress>;
  readonly done: Promise<void>;
}

const dayMs = 24 * 60 * 60 * 1000;

/** Two weeks, as git itself keeps unreachable objects. */
const defaultGraceMs = 14 * dayMs;

/** A frontend that has died keeps the others from a repository for so long. */
const leaseTtlMs = 60_000;

/** Milliseconds for one call of the metadata service. */
const metadataTimeoutMs = 30_000;

/** Some hundreds of GB at the speed of one thread; what takes longer does not end. */
const runTimeoutMs = 6 * 60 * 60 * 1000;

/** Pushes of one pipeline come in a row; and one that pushes without end is maintained all the same. */
const quiet = { quietMs: 5_000, waitMsMax: 60_000, keysMax: 1_000 };

/** Runs that wait for their turn. */
const runsMax = 64;

/** A repository that fails is left alone for a while, however often it is pushed to. */
const pauseAfterFailureMs = 10 * 60 * 1000;

/** Repositories that are remembered as looked at, or as failed. */
const rememberedMax = 10_000;

/** A repository of few packs is looked at again when it has doubled, from this size on: a bitmap may pay by then. */
const doubledBytesMin = BigInt(2 * MiB);

/**
 * Repacks repositories in the background, one at a time, after pushes and when operators ask for it. A push or clone never
 * waits for it, and a run that fails or is broken off changes nothing.
 */
export class Maintenance implements Part {
  readonly name = 'maintenance';
  readonly #options: MaintenanceOptions;
  readonly #modules: MaintenanceModules;
  readonly #lease: MaintenanceLeaseOptions;
  readonly #scratch: ScratchFolder;
  readonly #repacker: Repacker;
  readonly #queue: QuietQueue;
  readonly #stopped = new AbortController();
  readonly #stopping: AbortSignal;
  readonly #runs = new Map<string, Run>();
  /** Bytes of the packs when they were looked at, by the repository's id. */
  readonly #lookedAtBytes = new LRUCache<string, bigint>({ max: rememberedMax });
  readonly #failedAtMs = new LRUCache<string, number>({ max: rememberedMax });
  /** The end of the run that is under way, or waits last. */
  #tail: Promise<void> = Promise.resolve();

  constructor(options: MaintenanceOptions, modules: MaintenanceModules) {
    this.#options = options;
    this.#modules = modules;
    this.#stopping = AbortSignal.any([this.#stopped.signal, modules.stopping]);
    this.#lease = { holder: options.holder, ttlMs: leaseTtlMs, metadataTimeoutMs };
    this.#scratch = new ScratchFolder({ folder: options.folder }, modules);
    const { graceMs = defaultGraceMs } = options;
    this.#repacker = new Repacker({ graceMs, metadataTimeoutMs }, { ...modules, scratch: this.#scratch });
    this.#queue = new QuietQueue(quiet, { clock: modules.clock, onDue: (name) => this.#runInBackground(name) });
  }

  /** Clears what an interrupted process left. */
  async start(): Promise<void> {
    await this.#scratch.open();
  }

  /** Breaks off what is under way; the pack lists stay as they are. */
  async stop(): Promise<void> {
    this.#queue.clear();
    this.#stopped.abort(new StratumError('SHUTTING_DOWN', 'the frontend stops'));
    await this.#tail;
    await this.#repacker.settled();
  }

  /** Tells of an accepted push, with the repository as it was read before it. Never waits, never fails. */
  noticePush({ repo }: RepositoryRefs): void {
    if (!this.#options.enabled || this.#stopping.aborted) return;
    // One more than it was: a push brings a pack.
    const hasMany = repo.packCount + 1n > BigInt(packsGoodMax);
    const lookedAtBytes = this.#lookedAtBytes.get(repo.id);
    const hasGrown =
      lookedAtBytes === undefined || (repo.packBytes >= doubledBytesMin && repo.packBytes >= 2n * lookedAtBytes);
    if (!hasMany && !hasGrown) return;
    const failedAtMs = this.#failedAtMs.get(repo.name);
    const nowMs = this.#modules.clock.monotonicMs();
    if (failedAtMs !== undefined && nowMs - failedAtMs < pauseAfterFailureMs) return;
    this.#lookedAtBytes.set(repo.id, repo.packBytes);
    this.#queue.notice(repo.name);
  }

  /**
   * Maintains a repository and tells the steps as they begin, the last with `done`. Who asks while a run is under way
   * that does as much follows that one; who leaves, by the signal or by ending the iteration, does not stop it.
   * OVERLOADED when too many wait, VERSION_CONFLICT when another frontend is at it, REPO_NOT_FOUND.
   */
  run(name: string, options: MaintenanceRunOptions, signal: AbortSignal): AsyncIterable<MaintenanceProgress> {
    if (options.dryRun) return this.#tell({ name, full: options.full }, AbortSignal.any([signal, this.#stopping]));
    return this.#begin(name, options.full).feed.follow(signal);
  }

  async *#tell(request: RepackRequest, signal: AbortSignal): AsyncGenerator<MaintenanceProgress, void, undefined> {
    const { repo, plan } = await this.#repacker.decide(request, signal);
    const packCount = Number(repo.packCount);
    const counts = { packsBefore: packCount, bytesBefore: Number(repo.packBytes), bytesAfter: 0, done: true };
    if (plan.kind === 'none') {
      const { packsBefore: packsAfter, bytesBefore: bytesAfter } = counts;
      yield { ...counts, step: 'done', text: plan.why, packsAfter, bytesAfter, changed: false };
      return;
    }
    // Of a full repack it is not known yet whether there is something that no ref reaches.
    const packsAfter = packCount - plan.replace.length + 1 - (plan.kind === 'full' ? plan.expired.length : 0);
    yield { ...counts, step: 'done', text: `${plan.kind} repack: ${plan.why}`, packsAfter, changed: true };
  }

  #runInBackground(name: string): void {
    try {
      this.#begin(name, false);
    } catch (error) {
      this.#modules.log.warn({ repo: name, reason: explain(error) }, 'maintenance put off');
    }
  }

  #begin(name: string, full: boolean): Run {
    const underWay = this.#runs.get(name);
    if (underWay !== undefined && (underWay.full || !full)) return underWay;
    this.#stopping.throwIfAborted();
    if (this.#runs.size >= runsMax) {
      throw new StratumError('OVERLOADED', `${runsMax} repositories wait for maintenance already`, {
        retryAfterMs: quiet.waitMsMax,
      });
    }
    const feed = new StepFeed<MaintenanceProgress>();
    if (this.#runs.size > 0) feed.push(stepOf('waiting', 'waits for the maintenance that is under way'));
    const done = this.#tail.then(() => this.#carryOut({ name, full }, feed));
    const run = { full, feed, done };
    this.#tail = done;
    this.#runs.set(name, run);
    void done.then(() => {
      if (this.#runs.get(name) === run) this.#runs.delete(name);
    });
    return run;
  }

  /** Never rejects: what went wrong is in the feed and in the log. */
  async #carryOut(request: RepackRequest, feed: StepFeed<MaintenanceProgress>): Promise<void> {
    const { log, clock } = this.#modules;
    const { name } = request;
    const tooLate = new AbortController();
    const timer = clock.after(runTimeoutMs, () => tooLate.abort(lateError(name)));
    try {
      // Awaited to its end, so that nothing of it is left when the next one begins or the frontend has stopped.
      const outcome = await this.#maintain(request, feed, AbortSignal.any([tooLate.signal, this.#stopping]));
      this.#modules.observer?.maintained(outcome.changed ? 'changed' : 'unchanged');
      if (outcome.changed) log.info({ repo: name, result: outcome.text }, 'repository maintained');
      feed.push(lastStep(outcome));
      feed.end();
    } catch (error) {
      const isExpected = hasCode(error, 'VERSION_CONFLICT') || this.#stopping.aborted;
      this.#modules.observer?.maintained(asStratumError(error).code);
      this.#failedAtMs.set(name, clock.monotonicMs());
      log[isExpected ? 'info' : 'warn']({ repo: name, reason: explain(error) }, 'repository not maintained');
      feed.end({ error });
    } finally {
      timer.cancel();
    }
  }

  async #maintain(
    request: RepackRequest,
    feed: StepFeed<MaintenanceProgress>,
    signal: AbortSignal,
  ): Promise<RepackOutcome> {
    // Of many that wait none begins when the frontend stops.
    signal.throwIfAborted();
    const decision = await this.#repacker.decide(request, signal);
    const { repo, plan } = decision;
    if (plan.kind === 'none') return { changed: false, text: plan.why, before: repo, after: repo };
    const tell = (step: string, text: string) => feed.push(stepOf(step, text, decision));
    tell('lease', 'takes the lease of the maintenance');
    const work = () => this.#repacker.run(request, tell, signal);
    return await withMaintenanceLease(repo, this.#lease, this.#modules, work, signal);
  }
}

function lateError(name: string): StratumError<'DEADLINE_EXCEEDED'> {
  const what = `maintenance of ${name}`;
  const details = { endpoint: what, timeoutMs: runTimeoutMs };
  return new StratumError('DEADLINE_EXCEEDED', `${what} did not finish within ${runTimeoutMs} ms`, details);
}

function stepOf(step: string, text: string, decision?: Decision): MaintenanceProgress {
  const { packCount = 0n, packBytes = 0n } = decision?.repo ?? {};
  const before = { packsBefore: Number(packCount), bytesBefore: Number(packBytes) };
  return { step, text, ...before, packsAfter: 0, bytesAfter: 0, done: false, changed: false };
}

function lastStep({ text, changed, before, after }: RepackOutcome): MaintenanceProgress {
  return {
    step: 'done',
    text,
    packsBefore: Number(before.packCount),
    packsAfter: Number(after.packCount),
    bytesBefore: Number(before.packBytes),
    bytesAfter: Number(after.packBytes),
    done: true,
    changed,
  };
}
