import { StratumError } from '../base/errors.ts';
import type { MetadataApi } from '../client/metadata-api.ts';
import type { Repo } from '../rpc/gen/stratum/v1/metadata.ts';
import { allRepos } from './all-repos.ts';

/** The deleted repository of an id or name, undefined when there is none; USAGE when several had the name. */
export async function findDeletedRepo(
  metadata: MetadataApi,
  wanted: { readonly id: string } | { readonly name: string },
): Promise<Repo | undefined> {
  const isWanted = (repo: Repo) => ('id' in wanted ? repo.id === wanted.id : repo.name === wanted.name);
  const found: Repo[] = [];
  const prefix = 'name' in wanted ? wanted.name : '';
  for await (const repo of allRepos(metadata, { prefix, deleted: true })) if (isWanted(repo)) found.push(repo);
  if (found.length < 2) return found[0];
  const ids = found.map(({ id }) => id).join(', ');
  const message = `${found.length} deleted repositories had the name ${prefix}: ${ids}`;
  throw new StratumError('USAGE', message, undefined, { hint: 'give the id of the one that is meant' });
}
