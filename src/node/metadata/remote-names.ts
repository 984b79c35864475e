import type { MetadataCallOptions } from '../../client/metadata-api.ts';
import type {
  ConfirmNameRequest,
  ConfirmNameResponse,
  ReleaseNameRequest,
  ReleaseNameResponse,
  ReserveNameRequest,
  ReserveNameResponse,
} from '../../rpc/gen/stratum/v1/metadata.ts';

/**
 * Names in other partitions, as the primary of one asks for them (rename-across.ts); a MetadataClient
 * is one. Each may be repeated, late and more than once: all go by the token of one try to name a repository.
 */
export interface RemoteNames {
  /** REPO_EXISTS when the name is taken. */
  reserveName(request: ReserveNameRequest, options: MetadataCallOptions): Promise<ReserveNameResponse>;
  releaseName(request: ReleaseNameRequest, options: MetadataCallOptions): Promise<ReleaseNameResponse>;
  confirmName(request: ConfirmNameRequest, options: MetadataCallOptions): Promise<ConfirmNameResponse>;
}
