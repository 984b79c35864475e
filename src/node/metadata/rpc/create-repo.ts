import { randomHex } from '../../../base/random.ts';
import type { MetadataHandlers } from '../../../client/metadata-handlers.ts';
import { ObjectFormat } from '../../../rpc/gen/stratum/v1/metadata.ts';
import { claimName } from '../claim-name.ts';
import type { MetadataModules } from '../metadata-modules.ts';
import { checkHead, checkRepoName, checkRequestId, invalid } from '../request-fields.ts';
import { repoIdDigits } from '../state-keys.ts';

/** For the bounds of the queue: a name, a branch and two ids. */
const operationBytes = 2_048;

/** MetadataService.CreateRepo: REPO_EXISTS when the name is taken, but by the same request. */
export function createRepo(modules: MetadataModules): MetadataHandlers['createRepo'] {
  const { partitions, random } = modules;
  return async (request, { signal }) => {
    const name = checkRepoName(request.name, 'name');
    if (request.head !== '') checkHead(request.head);
    if (request.requestId !== undefined) checkRequestId(request.requestId, 'request_id');
    if (request.objectFormat === ObjectFormat.UNRECOGNIZED || ObjectFormat[request.objectFormat] === undefined) {
      throw invalid('object_format', `object_format ${request.objectFormat} is unknown`, 'SHA1 or SHA256');
    }
    // Drawn here and logged, so that every replica has the same.
    const repoId = randomHex(random, repoIdDigits / 2);
    const operation = { $case: 'createRepo', value: { request, repoId } } as const;
    const partition = partitions.partitionOf(name);
    const submit = () => partitions.submit<'createRepo'>(partition, operation, { bytes: operationBytes, signal });
    return { repo: await claimName({ partition, name, signal }, submit, modules) };
  };
}
