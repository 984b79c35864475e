import type {
  AcquireMaintenanceRequest,
  AcquireMaintenanceResponse,
  CheckRefsRequest,
  CheckRefsResponse,
  ConfirmNameRequest,
  ConfirmNameResponse,
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
  ReleaseNameRequest,
  ReleaseNameResponse,
  RenameRepoRequest,
  RenameRepoResponse,
  ReplacePacksRequest,
  ReplacePacksResponse,
  ReserveNameRequest,
  ReserveNameResponse,
  RestoreRepoRequest,
  RestoreRepoResponse,
  SetHeadRequest,
  SetHeadResponse,
  UpdateRefsRequest,
  UpdateRefsResponse,
} from '../rpc/gen/stratum/v1/metadata.ts';
import type { CallContext } from '../rpc/handlers.ts';

/** The methods of the metadata service: what each is asked, and what it answers. */
interface MetadataMessages {
  createRepo: readonly [CreateRepoRequest, CreateRepoResponse];
  deleteRepo: readonly [DeleteRepoRequest, DeleteRepoResponse];
  restoreRepo: readonly [RestoreRepoRequest, RestoreRepoResponse];
  renameRepo: readonly [RenameRepoRequest, RenameRepoResponse];
  listRepos: readonly [ListReposRequest, ListReposResponse];
  getRepo: readonly [GetRepoRequest, GetRepoResponse];
  getRefs: readonly [GetRefsRequest, GetRefsResponse];
  checkRefs: readonly [CheckRefsRequest, CheckRefsResponse];
  updateRefs: readonly [UpdateRefsRequest, UpdateRefsResponse];
  replacePacks: readonly [ReplacePacksRequest, ReplacePacksResponse];
  acquireMaintenance: readonly [AcquireMaintenanceRequest, AcquireMaintenanceResponse];
  releaseMaintenance: readonly [ReleaseMaintenanceRequest, ReleaseMaintenanceResponse];
  setHead: readonly [SetHeadRequest, SetHeadResponse];
  getRepoLog: readonly [GetRepoLogRequest, GetRepoLogResponse];
  reserveName: readonly [ReserveNameRequest, ReserveNameResponse];
  releaseName: readonly [ReleaseNameRequest, ReleaseNameResponse];
  confirmName: readonly [ConfirmNameRequest, ConfirmNameResponse];
}

/** Name of a method of the metadata service. */
export type MetadataMethodName = keyof MetadataMessages;

/** The request of a method. */
export type MetadataRequest<Name extends MetadataMethodName> = MetadataMessages[Name][0];

/** The response of a method. */
export type MetadataResponse<Name extends MetadataMethodName> = MetadataMessages[Name][1];

/**
 * The metadata service of one node, as its handlers give it: over gRPC, and straight to callers in
 * the same process. Answers may share memory with the node and must not be changed.
 */
export type MetadataHandlers = {
  readonly [Name in MetadataMethodName]: (
    request: MetadataRequest<Name>,
    call: CallContext,
  ) => Promise<MetadataResponse<Name>>;
};
