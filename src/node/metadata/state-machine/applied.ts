import type {
  AcquireMaintenanceResponse,
  DeleteRepoResponse,
  LogEntry,
  Ref,
  ReleaseMaintenanceResponse,
  ReleaseNameResponse,
  ReplacePacksResponse,
  Repo,
  ReserveNameResponse,
  UpdateRefsResponse,
} from '../../../rpc/gen/stratum/v1/metadata.ts';
import type { StateWrite } from '../state.ts';

/** What a log entry does. */
export type Operation = NonNullable<LogEntry['operation']>;

/** A name that was kept for a repository in the partition that the name leads to, and is needed no more. */
export interface FreedName {
  readonly name: string;
  readonly token: Buffer;
}

/** A repository under its new name. */
export interface Renamed {
  readonly repo: Repo;
  /** To be released at the partition that the old name leads to. */
  readonly freed: FreedName | undefined;
}

/** What each operation answers. */
export interface OperationResults {
  createRepo: Repo;
  deleteRepo: { readonly response: DeleteRepoResponse; readonly freed: FreedName | undefined };
  updateRefs: UpdateRefsResponse;
  replacePacks: ReplacePacksResponse;
  setHead: Repo;
  moveRepo: Renamed;
  /** The token to reserve the name with, which may be that of an earlier try; without it the repository has the name already. */
  beginRename: { readonly repo: Repo; readonly token: Buffer | undefined };
  commitRename: Renamed;
  /** The repository, if it has the name by that token: then there was nothing left to abort. */
  abortRename: { readonly repo: Repo | undefined };
  reserveName: ReserveNameResponse;
  releaseName: ReleaseNameResponse;
  /** Whether nothing is left of the repository. */
  purgeRepo: { readonly done: boolean };
  acquireMaintenance: AcquireMaintenanceResponse;
  releaseMaintenance: ReleaseMaintenanceResponse;
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

/** The effect of an operation. Without writes there is none: the entry answers and changes nothing. */
export interface Applied<Result> {
  readonly writes: readonly StateWrite[];
  readonly result: Result;
  /** For caches of refs. */
  readonly refsChange?: RefsChange;
}
