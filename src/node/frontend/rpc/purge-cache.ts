import { parseRepoName } from '../../../git/repo-name.ts';
import type { PurgeCacheRequest, PurgeCacheResponse } from '../../../rpc/gen/stratum/v1/frontend.ts';
import type { UnaryHandler } from '../../../rpc/handlers.ts';
import type { FrontendRpcModules } from '../frontend-control.ts';

/** FrontendService.PurgeCache: drops what this frontend has stored of one repository, or of all. */
export function purgeCache({
  nodeId,
  control,
}: FrontendRpcModules): UnaryHandler<PurgeCacheRequest, PurgeCacheResponse> {
  return async ({ repo, repositories, dryRun }, { signal }) => {
    const name = repo === '' ? undefined : parseRepoName(repo);
    const purged = await control.purge({ repo: name, repositories, dryRun }, signal);
    return {
      nodeId,
      entries: BigInt(purged.entries),
      entryBytes: BigInt(purged.entryBytes),
      repositories: BigInt(purged.repositories),
      repositoryBytes: BigInt(purged.repositoryBytes),
    };
  };
}
