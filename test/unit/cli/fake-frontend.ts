import { StratumError } from '../../../src/base/errors.ts';
import type {
  CacheExplanation,
  CacheStats,
  CloneQuestion,
  FrontendApi,
  MaintenanceProgress,
  MaintenanceRequest,
  Purged,
  PurgeRequest,
  WarmedClone,
} from '../../../src/client/frontend-api.ts';

/** Counts of a frontend; `changes` override what it has. */
export function sampleStats(changes: Partial<CacheStats> = {}): CacheStats {
  return {
    hits: 0,
    joins: 0,
    misses: 0,
    bypasses: 0,
    sharedHits: 0,
    sharedMisses: 0,
    hitBytes: 0,
    savedMs: 0,
    entries: 0,
    entryBytes: 0,
    entryBytesMax: 1_024,
    repositories: 0,
    repositoryBytes: 0,
    repositoryBytesMax: 2_048,
    gitProcesses: 0,
    gitQueue: 0,
    warmed: 0,
    evictions: 0,
    unstored: 0,
    ...changes,
  };
}

/** A step of a repacking; `changes` override what it says. */
export function sampleProgress(step: string, changes: Partial<MaintenanceProgress> = {}): MaintenanceProgress {
  const counts = { packsBefore: 0, packsAfter: 0, bytesBefore: 0, bytesAfter: 0 };
  return { step, text: '', ...counts, done: step === 'done', changed: false, ...changes };
}

/** The one object that all refs of the fakes point at. */
export const fakeObjectId = 'c'.repeat(40);

/** A frontend in memory that can be made to fail. */
export class FakeFrontend implements FrontendApi {
  readonly endpoint: string;
  stats: CacheStats = sampleStats();
  /** Every call but the one for counts, in words. */
  readonly calls: string[] = [];
  /** Responses that are stored: "repo ref depth". */
  readonly stored = new Set<string>();
  purged: Purged = { entries: 2, entryBytes: 2_048, repositories: 1, repositoryBytes: 4_096 };
  /** What it answers each call with. */
  error: StratumError | undefined;
  /** The steps of each repacking; an Error breaks it off, and 'hang' is a step that does not end. */
  steps: (MaintenanceProgress | Error | 'hang')[] = [
    sampleProgress('repack'),
    sampleProgress('done', { packsBefore: 9, packsAfter: 1, bytesBefore: 2_048, bytesAfter: 1_024, changed: true }),
  ];
  /** Names that are no repositories. */
  readonly missing = new Set<string>();

  constructor(readonly nodeId: string) {
    this.endpoint = `${nodeId}.test:7480`;
  }

  /** Nobody answers at its address. */
  silence(): void {
    this.error = new StratumError('UNREACHABLE', `${this.nodeId} is away`, { endpoint: this.endpoint });
  }

  async cacheStats(): Promise<CacheStats> {
    this.#answer();
    return this.stats;
  }

  async explainCache(question: CloneQuestion): Promise<CacheExplanation> {
    this.#answer(question.repo);
    const key = keyOf(question);
    this.calls.push(`explain ${key}`);
    const ref = question.ref ?? 'refs/heads/main';
    const named = { key: 'a'.repeat(64), ref, objectId: fakeObjectId };
    if (!this.stored.has(key))
      return { verdict: 'miss', reason: 'nobody asked for it yet', ...named, entry: undefined };
    const entry = { sizeBytes: 4_096, storedAtMs: 1_700_000_000_000, usedAtMs: 1_700_000_060_000 };
    return { verdict: 'hit', reason: 'the response is stored', ...named, entry };
  }

  async warmCache(question: CloneQuestion): Promise<WarmedClone> {
    this.#answer(question.repo);
    const key = keyOf(question);
    this.calls.push(`warm ${key}`);
    const wasStored = this.stored.has(key);
    this.stored.add(key);
    return { wasStored, sizeBytes: 4_096, ref: question.ref ?? 'refs/heads/main', objectId: fakeObjectId };
  }

  async purgeCache({ repo, repositories, dryRun }: PurgeRequest): Promise<Purged> {
    this.#answer(repo);
    this.calls.push(`${dryRun ? 'count' : 'purge'} ${repo ?? 'all'}${repositories ? ' with repositories' : ''}`);
    return repositories ? this.purged : { ...this.purged, repositories: 0, repositoryBytes: 0 };
  }

  async *maintainRepo(
    { repo, full, dryRun }: MaintenanceRequest,
    signal: AbortSignal,
  ): AsyncGenerator<MaintenanceProgress, void, undefined> {
    this.#answer(repo);
    this.calls.push(`${dryRun ? 'plan' : 'maintain'} ${repo}${full ? ' in full' : ''}`);
    for (const step of this.steps) {
      signal.throwIfAborted();
      if (step instanceof Error) throw step;
      if (step !== 'hang') yield step;
      else await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    }
  }

  #answer(repo?: string): void {
    if (this.error !== undefined) throw this.error;
    if (repo === undefined || !this.missing.has(repo)) return;
    throw new StratumError('REPO_NOT_FOUND', `there is no repository ${repo}`, { kind: 'repo', id: repo });
  }
}

function keyOf({ repo, ref, depth }: CloneQuestion): string {
  return `${repo} ${ref ?? 'HEAD'} ${depth}`;
}
