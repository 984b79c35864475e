import type {
  CacheExplanation,
  CacheStats,
  CloneQuestion,
  MaintenanceProgress,
  MaintenanceRequest,
  Purged,
  PurgeRequest,
  WarmedClone,
} from '../../client/frontend-api.ts';

/**
 * What operators may ask of a frontend, behind its RPCs: names, refs and depths are checked already. Throws
 * StratumErrors: REPO_NOT_FOUND, and NOT_FOUND for a ref that is not there.
 */
export interface FrontendControl {
  stats(): CacheStats;
  /** Looks and changes nothing: it counts neither as a use nor as a first request. */
  explain(question: CloneQuestion, signal: AbortSignal): Promise<CacheExplanation>;
  /** Resolves when the response is stored; the signal takes its reader away, which ends the work where it is the last. */
  warm(question: CloneQuestion, signal: AbortSignal): Promise<WarmedClone>;
  purge(request: PurgeRequest, signal: AbortSignal): Promise<Purged>;
  /**
   * The steps as they begin, the last with `done`. The first one comes soon, and once it has come the work goes on
   * whether or not the signal aborts or the caller goes on iterating. A run that is under way is joined.
   */
  maintain(request: MaintenanceRequest, signal: AbortSignal): AsyncIterable<MaintenanceProgress>;
}

/** What the RPCs of a frontend work with. */
export interface FrontendRpcModules {
  readonly nodeId: string;
  readonly control: FrontendControl;
}
