import type { MetadataHandlers } from '../../../client/metadata-handlers.ts';
import { claimName } from '../claim-name.ts';
import type { MetadataModules } from '../metadata-modules.ts';
import { checkRepoName, checkRequestId, invalid } from '../request-fields.ts';
import { isRepoId } from '../state-keys.ts';

/** For the bounds of the queue: a name, an id and a token. */
const operationBytes = 1_024;

/** MetadataService.ReserveName: REPO_EXISTS when the name is taken. */
export function reserveName(modules: MetadataModules): MetadataHandlers['reserveName'] {
  const { partitions } = modules;
  return async (request, { signal }) => {
    const name = checkRepoName(request.name, 'name');
    checkRequestId(request.token, 'token');
    if (!isRepoId(request.repoId)) throw invalid('repo_id', 'repo_id is none', '32 hex digits');
    const partition = partitions.partitionOf(name);
    const operation = { $case: 'reserveName', value: request } as const;
    const submit = () => partitions.submit<'reserveName'>(partition, operation, { bytes: operationBytes, signal });
    return claimName({ partition, name, signal }, submit, modules);
  };
}
