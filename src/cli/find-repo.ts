import { hasCode } from '../base/errors.ts';
import type { MetadataApi } from '../client/metadata-api.ts';
import type { Repo } from '../rpc/gen/stratum/v1/metadata.ts';

/** The repository of a name; undefined when there is none. */
export async function findRepo(metadata: MetadataApi, name: string): Promise<Repo | undefined> {
  try {
    return (await metadata.getRepo({ name, includePacks: false })).repo;
  } catch (error) {
    if (hasCode(error, 'REPO_NOT_FOUND')) return undefined;
    throw error;
  }
}
