import type { Repo } from '../../rpc/gen/stratum/v1/metadata.ts';
import { claimName, releaseFreedName } from './claim-name.ts';
import type { MetadataModules } from './metadata-modules.ts';
import { type Naming, renameAcross } from './rename-across.ts';

/** For the bounds of the queue: two names and an id. */
const operationBytes = 2_048;

/**
 * Gives a repository, which may be a deleted one, a name: in one entry where the name leads to its own partition,
 * otherwise by an agreement between two (rename-across.ts). REPO_EXISTS, REPO_NOT_FOUND, VERSION_CONFLICT.
 */
export async function nameRepo(naming: Naming, modules: MetadataModules, signal: AbortSignal): Promise<Repo> {
  const { partitions } = modules;
  const { home, ...value } = naming;
  if (partitions.partitionOf(naming.newName) !== home) return renameAcross(naming, modules, signal);
  const submit = () =>
    partitions.submit<'moveRepo'>(home, { $case: 'moveRepo', value }, { bytes: operationBytes, signal });
  const { repo, freed } = await claimName({ partition: home, name: naming.newName, signal }, submit, modules);
  await releaseFreedName(freed, modules);
  return repo;
}
