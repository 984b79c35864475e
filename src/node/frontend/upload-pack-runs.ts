import type { Clock } from '../../base/clock.ts';
import { explain } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import { feed, type GitRunner } from '../../git/git-runner.ts';
import type { BareRepositoryCache, CachedRepository } from './bare-repository-cache.ts';
import { OutputWatch } from './output-watch.ts';
import type { RefReader, RepositoryRefs } from './ref-reader.ts';

/** Bounds of the runs. */
export interface UploadPackRunsOptions {
  /** After so many milliseconds a run is ended, and its response broken off. */
  readonly timeoutMs: number;
}

/** What the runs work with. */
export interface UploadPackRunsModules {
  readonly clock: Clock;
  readonly log: Logger;
  readonly git: GitRunner;
  readonly cache: BareRepositoryCache;
  readonly refs: RefReader;
}

/** One request for `git upload-pack`. */
export interface UploadPackTask {
  readonly repo: string;
  /** The request as git reads it. */
  readonly body: Buffer;
  readonly version: 0 | 1 | 2;
  /** Its output goes to one client at that client's pace. */
  readonly isPaced: boolean;
  /** Looks at the refs that the run is about to see; what it throws is the outcome. */
  readonly check?: (refs: RepositoryRefs) => void;
  readonly signal: AbortSignal;
}

/** Where the output goes. */
export interface RunOutput {
  write(chunk: Buffer): Promise<void>;
}

/** How a request was answered. */
export interface RunAnswer {
  /** The answer is an error told in the protocol: right for who asked, and for nobody later. */
  readonly isError: boolean;
  /** The refs that git saw, if they did not change while it ran. */
  readonly refs: RepositoryRefs | undefined;
}

/** How one run of git ended. */
interface Run {
  /** Undefined when it succeeded, or when the client was told of the failure in the middle of the response. */
  readonly failure: unknown;
  /** Something has been written. */
  readonly begun: boolean;
  readonly told: boolean;
  /** Output that was held back because it is an error alone. */
  readonly held: Buffer;
  readonly isUnchanged: boolean;
  readonly refs: RepositoryRefs;
}

/** Who has waited so long for its output, in milliseconds, waits for a client and not for a disk. */
const slowAfterMs = 500;

/** What git says of a want that the repository does not have: the cached copy is not to blame. */
const notOurRef = /^[0-9a-f]{4}ERR upload-pack: not our ref /;

/** Settings of `git upload-pack`: partial clones, refs by name, and any object that the client knows the id of. */
const uploadPackConfig = {
  'uploadpack.allowFilter': 'true',
  'uploadpack.allowAnySHA1InWant': 'true',
  'uploadpack.allowRefInWant': 'true',
};

/**
 * Runs `git upload-pack` on cached repositories. A run that fails before its first byte has the repository looked
 * at, and is repeated when something was mended.
 */
export class UploadPackRuns {
  readonly #options: UploadPackRunsOptions;
  readonly #modules: UploadPackRunsModules;

  constructor(options: UploadPackRunsOptions, modules: UploadPackRunsModules) {
    this.#options = options;
    this.#modules = modules;
  }

  /** Answers one request. A rejection after the first byte means that what was written is not whole. */
  async answer(task: UploadPackTask, output: RunOutput): Promise<RunAnswer> {
    const { cache, refs } = this.#modules;
    const { repo, signal } = task;
    const runOnce = () => cache.use(repo, signal, (repository) => this.#run(task, repository, output));
    let run = await runOnce();
    const isClients = notOurRef.test(run.held.toString('latin1', 0, 100));
    if (run.failure !== undefined && !run.begun && !isClients && !signal.aborted) {
      // Nothing has been sent: if the cached repository is to blame, it is mended and asked again.
      if (await cache.mend(await refs.read(repo, signal), signal)) run = await runOnce();
    }
    if (run.failure !== undefined && run.held.length === 0) throw run.failure;
    if (run.held.length > 0) await output.write(run.held);
    return { isError: run.told, refs: run.isUnchanged ? run.refs : undefined };
  }

  async #run(task: UploadPackTask, repository: CachedRepository, output: RunOutput): Promise<Run> {
    const { version, signal, isPaced } = task;
    const { refs } = repository;
    task.check?.(refs);
    const { git } = this.#modules;
    const child = await git.start({
      isPaced,
      fairKey: refs.repo.id,
      // What goes at a client's pace takes as long as the client.
      ...(!isPaced && { timeoutMs: this.#options.timeoutMs }),
      args: ['upload-pack', '--stateless-rpc', '--strict', repository.path],
      gitDir: repository.path,
      config: uploadPackConfig,
      ...(version > 0 && { env: { GIT_PROTOCOL: `version=${version}` } }),
      signal,
    });
    const fed = feed(child.stdin, [task.body]);
    const watch = new OutputWatch();
    const pacing = isPaced ? output : new PacedOutput(output, this.#modules.clock, () => git.pace(child));
    let held = Buffer.alloc(0);
    let begun = false;
    try {
      for await (const chunk of child.stdout as AsyncIterable<Buffer>) {
        watch.see(chunk);
        // An error alone may yet be taken back, when the cache was to blame for it.
        if (watch.failureTold && !begun) {
          held = Buffer.concat([held, chunk]);
          continue;
        }
        begun = true;
        await pacing.write(chunk);
      }
    } catch (error) {
      child.kill(error);
    }
    await fed;
    try {
      await child.done;
      const isUnchanged = repository.isUnchanged();
      return { failure: undefined, begun, told: watch.failureTold, held, isUnchanged, refs };
    } catch (failure) {
      return this.#judgeFailure(failure, signal, { begun, told: watch.failureTold, held, isUnchanged: false, refs });
    }
  }

  #judgeFailure(failure: unknown, signal: AbortSignal, run: Omit<Run, 'failure'>): Run {
    if (signal.aborted) throw failure;
    const { begun, told, refs } = run;
    this.#modules.log.warn({ repo: refs.repo.name, reason: explain(failure), told }, 'git upload-pack failed');
    if (!begun) return { failure, ...run };
    this.#modules.cache.doubt(refs);
    if (!told) throw failure;
    // The client has the error in band 3 or as ERR: the response may end, nobody takes it for whole.
    return { failure: undefined, ...run };
  }
}

/** Tells when output waits for a client: a response that cannot be kept goes at the pace of its readers. */
class PacedOutput implements RunOutput {
  readonly #inner: RunOutput;
  readonly #clock: Clock;
  readonly #onSlow: () => void;
  #waitedMs = 0;

  constructor(inner: RunOutput, clock: Clock, onSlow: () => void) {
    this.#inner = inner;
    this.#clock = clock;
    this.#onSlow = onSlow;
  }

  async write(chunk: Buffer): Promise<void> {
    if (this.#waitedMs >= slowAfterMs) return await this.#inner.write(chunk);
    const beginMs = this.#clock.monotonicMs();
    const timer = this.#clock.after(slowAfterMs - this.#waitedMs, this.#onSlow);
    try {
      await this.#inner.write(chunk);
    } finally {
      timer.cancel();
      this.#waitedMs += this.#clock.monotonicMs() - beginMs;
      if (this.#waitedMs >= slowAfterMs) this.#onSlow();
    }
  }
}
