import type {
  DeleteRepoResponse,
  LogEntry,
  Ref,
  ReplacePacksResponse,
  Repo,
  UpdateRefsResponse,
} from '../../../rpc/gen/stratum/v1/metadata.ts';
import type { StateWrite } from '../state.ts';

/** What a log entry does. */
export type Operation = NonNullable<LogEntry['operation']>;

/** What each operation answers. */
export interface OperationResults {
  createRepo: Repo;
  deleteRepo: DeleteRepoResponse;
  updateRefs: UpdateRefsResponse;
  replacePacks: ReplacePacksResponse;
  setHead: Repo;
}

/** Where and when an entry stands in its partition's log. */
export interface EntryContext {
  readonly partition: number;
  readonly index: bigint;
  readonly epoch: bigint;
  /** Milliseconds since the Unix epoch at the primary; the only time that the state machine knows. */
  readonly atMs: bigint;
}

/** A repository's refs moved from one generation to the next. */
export interface RefsChange {
  readonly repoId: string;
  readonly fromGeneration: bigint;
  readonly toGeneration: bigint;
  /** New values by name; undefined where the ref was deleted. */
  readonly refs: ReadonlyMap<string, Ref | undefined>;
}

/** The effect of an operation. Without writes there is none, and the entry need not be logged. */
export interface Applied<Result> {
  readonly writes: readonly StateWrite[];
  readonly result: Result;
  /** For caches of refs. */
  readonly refsChange?: RefsChange;
}
