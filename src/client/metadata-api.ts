import type {
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
  ReplacePacksRequest,
  ReplacePacksResponse,
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

/**
 * The metadata service as its callers see it, wherever the partitions are. Reads are retried
 * within the deadline; UpdateRefs is retried by its push id. DEADLINE_EXCEEDED on a write means
 * that its outcome is unknown.
 */
export interface MetadataApi {
  createRepo(request: CreateRepoRequest, options?: MetadataCallOptions): Promise<CreateRepoResponse>;
  deleteRepo(request: DeleteRepoRequest, options?: MetadataCallOptions): Promise<DeleteRepoResponse>;
  /** Merged over all partitions, by name. */
  listRepos(request: ListReposRequest, options?: MetadataCallOptions): Promise<ListReposResponse>;
  getRepo(request: GetRepoRequest, options?: MetadataCallOptions): Promise<GetRepoResponse>;
  getRefs(request: GetRefsRequest, options?: MetadataCallOptions): Promise<GetRefsResponse>;
  updateRefs(request: UpdateRefsRequest, options?: MetadataCallOptions): Promise<UpdateRefsResponse>;
  replacePacks(request: ReplacePacksRequest, options?: MetadataCallOptions): Promise<ReplacePacksResponse>;
  setHead(request: SetHeadRequest, options?: MetadataCallOptions): Promise<SetHeadResponse>;
  getRepoLog(request: GetRepoLogRequest, options?: MetadataCallOptions): Promise<GetRepoLogResponse>;
}
