/** What the caches of a frontend hold, and how they have done since its process started. */
export interface CacheStats {
  /** Fetches answered from a stored response. */
  readonly hits: number;
  /** Fetches that joined an equal one that was being answered. */
  readonly joins: number;
  /** Fetches whose response was made, or taken from another frontend. */
  readonly misses: number;
  /** Fetches that the cache has no part in, such as those of older protocols. */
  readonly bypasses: number;
  /** Responses taken from another frontend by way of the object nodes. */
  readonly sharedHits: number;
  /** Questions to the object nodes that they had no answer to. */
  readonly sharedMisses: number;
  /** Bytes sent from stored responses. */
  readonly hitBytes: number;
  /** Milliseconds of git's work that hits and joins have saved. */
  readonly savedMs: number;
  /** Stored responses. */
  readonly entries: number;
  readonly entryBytes: number;
  readonly entryBytesMax: number;
  /** Cached repositories. */
  readonly repositories: number;
  readonly repositoryBytes: number;
  readonly repositoryBytesMax: number;
  /** git processes that run. */
  readonly gitProcesses: number;
  /** Requests that wait for one. */
  readonly gitQueue: number;
  /** Responses prepared after pushes. */
  readonly warmed: number;
  /** Responses evicted for want of space or for their age. */
  readonly evictions: number;
  /** Responses that could not be stored: the disk was full, or they were too large. */
  readonly unstored: number;
}

/** Deepest clone, as git counts depths. */
export const cloneDepthMax = 2_147_483_647;

/** A shallow clone of one ref that somebody may make. */
export interface CloneQuestion {
  /** The repository's name. */
  readonly repo: string;
  /** A full ref name; undefined for HEAD. */
  readonly ref: string | undefined;
  /** 1 to `cloneDepthMax`. */
  readonly depth: number;
}

/** The response to a clone is stored, is being made, or would have to be made. */
export type CacheVerdict = 'hit' | 'join' | 'miss';

/** What the next such clone would meet. */
export interface CacheExplanation {
  readonly verdict: CacheVerdict;
  /** Why, in words. */
  readonly reason: string;
  /** 64 hex; undefined where the response is never kept. */
  readonly key: string | undefined;
  /** The full name of the ref. */
  readonly ref: string;
  /** The object that it points at, in hex. */
  readonly objectId: string;
  /** The stored response; times in milliseconds since the Unix epoch. */
  readonly entry: { readonly sizeBytes: number; readonly storedAtMs: number; readonly usedAtMs: number } | undefined;
}

/** A response that is stored now. */
export interface WarmedClone {
  /** Whether it was before. */
  readonly wasStored: boolean;
  readonly sizeBytes: number;
  /** The full name of the ref. */
  readonly ref: string;
  /** The object that it points at, in hex. */
  readonly objectId: string;
}

/** What to drop from a frontend's caches. */
export interface PurgeRequest {
  /** The repository's name; undefined for all. */
  readonly repo: string | undefined;
  /** The cached bare repositories too. */
  readonly repositories: boolean;
  /** Only count what would be dropped. */
  readonly dryRun: boolean;
}

/** What was dropped. */
export interface Purged {
  readonly entries: number;
  readonly entryBytes: number;
  readonly repositories: number;
  readonly repositoryBytes: number;
}

/** A repository to be repacked. */
export interface MaintenanceRequest {
  /** The repository's name. */
  readonly repo: string;
  /** Everything into one pack even where less would do. */
  readonly full: boolean;
  /** Only say what would be done. */
  readonly dryRun: boolean;
}

/** A step of the repacking; counts and sizes are 0 while they are not known. */
export interface MaintenanceProgress {
  /** waiting, lease, fetch, repack, upload, swap, done; a frontend of a later version may have others. */
  readonly step: string;
  /** What is being done or was done, in words. */
  readonly text: string;
  readonly packsBefore: number;
  readonly packsAfter: number;
  readonly bytesBefore: number;
  readonly bytesAfter: number;
  /** Whether it is the last one. */
  readonly done: boolean;
  /** Whether the pack list was changed; of a dry run, whether it would be. */
  readonly changed: boolean;
}

/**
 * One frontend as operators see it. Everything rejects with StratumErrors: UNREACHABLE or DEADLINE_EXCEEDED when it
 * does not answer, UNIMPLEMENTED when its version is too old, REPO_NOT_FOUND, NOT_FOUND for a ref.
 */
export interface FrontendApi {
  readonly nodeId: string;
  /** host:port. */
  readonly endpoint: string;
  cacheStats(signal: AbortSignal): Promise<CacheStats>;
  explainCache(question: CloneQuestion, signal: AbortSignal): Promise<CacheExplanation>;
  /** May take as long as git takes; the signal gives up the work where nobody else waits for it. */
  warmCache(question: CloneQuestion, signal: AbortSignal): Promise<WarmedClone>;
  purgeCache(request: PurgeRequest, signal: AbortSignal): Promise<Purged>;
  /** The steps as they begin; the work goes on without who leaves after the first one. Ends with one that is `done`. */
  maintainRepo(request: MaintenanceRequest, signal: AbortSignal): AsyncGenerator<MaintenanceProgress, void, undefined>;
}
