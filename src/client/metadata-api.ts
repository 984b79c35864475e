import type {
  AcquireMaintenanceRequest,
  AcquireMaintenanceResponse,
  CreateRepoRequest,
  CreateRepoResponse,
  DeleteRepoRequest,
  DeleteRepoResponse,
  GetRefsRequest,
  GetRefsResponse,
  GetRepoLogRequest,
  GetRepoLogResponse,
  GetRepoRequest,
  GetRepoResponse,
  ListReposRequest,
  ListReposResponse,
  ReleaseMaintenanceRequest,
  ReleaseMaintenanceResponse,
  RenameRepoRequest,
  RenameRepoResponse,
  ReplacePacksRequest,
  ReplacePacksResponse,
  RestoreRepoRequest,
  RestoreRepoResponse,
  SetHeadRequest,
  SetHeadResponse,
  UpdateRefsRequest,
  UpdateRefsResponse,
} from '../rpc/gen/stratum/v1/metadata.ts';

/** Options of a metadata call. */
export interface MetadataCallOptions {
  /** Milliseconds for the whole call, retries included. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** A request of which some fields may be left out: they are for narrowing, or the client finds them by itself. */
type Asked<Request, Optional extends keyof Request> = Omit<Request, Optional> & Partial<Pick<Request, Optional>>;

/** Which repositories to list. */
export type ListReposQuery = Asked<ListReposRequest, 'partitions' | 'deleted'>;

/** Which refs to read. */
export type GetRefsQuery = Asked<GetRefsRequest, 'prefixes'>;

/** Which changes to read. */
export type GetRepoLogQuery = Asked<GetRepoLogRequest, 'ref'>;

/** How to change the pack list; without `allowAdded` as strictly as can be. */
export type ReplacePacksQuery = Asked<ReplacePacksRequest, 'allowAdded'>;

/** Which deleted repository to bring back: by its id, or by the name that it had if only one had it. */
export type RestoreRepoQuery = Partial<RestoreRepoRequest>;

/**
 * The metadata service as its callers see it, wherever the partitions are: `home`, `partitions` and
 * `request_id` are the client's business. What is retried within the deadline, and by what a
 * repetition is known, is the table in metadata-methods.ts. DEADLINE_EXCEEDED on a write
 * means that its outcome is unknown; any other error that is not a fault of Stratum itself
 * (INTERNAL, DATA_CORRUPT), or of the caller's own signal, that nothing was done.
 */
export interface MetadataApi {
  createRepo(request: CreateRepoRequest, options?: MetadataCallOptions): Promise<CreateRepoResponse>;
  deleteRepo(request: DeleteRepoRequest, options?: MetadataCallOptions): Promise<DeleteRepoResponse>;
  restoreRepo(request: RestoreRepoQuery, options?: MetadataCallOptions): Promise<RestoreRepoResponse>;
  renameRepo(request: RenameRepoRequest, options?: MetadataCallOptions): Promise<RenameRepoResponse>;
  /** Merged over all partitions, by name. */
  listRepos(request: ListReposQuery, options?: MetadataCallOptions): Promise<ListReposResponse>;
  getRepo(request: GetRepoRequest, options?: MetadataCallOptions): Promise<GetRepoResponse>;
  getRefs(request: GetRefsQuery, options?: MetadataCallOptions): Promise<GetRefsResponse>;
  updateRefs(request: UpdateRefsRequest, options?: MetadataCallOptions): Promise<UpdateRefsResponse>;
  replacePacks(request: ReplacePacksQuery, options?: MetadataCallOptions): Promise<ReplacePacksResponse>;
  /** The lease of a repository's maintenance. It saves work: what is safe is so by `replacePacks`. */
  acquireMaintenance(
    request: AcquireMaintenanceRequest,
    options?: MetadataCallOptions,
  ): Promise<AcquireMaintenanceResponse>;
  releaseMaintenance(
    request: ReleaseMaintenanceRequest,
    options?: MetadataCallOptions,
  ): Promise<ReleaseMaintenanceResponse>;
  setHead(request: SetHeadRequest, options?: MetadataCallOptions): Promise<SetHeadResponse>;
  getRepoLog(request: GetRepoLogQuery, options?: MetadataCallOptions): Promise<GetRepoLogResponse>;
}
