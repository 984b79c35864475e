import type { MetadataApi } from '../client/metadata-api.ts';
import type { Repo } from '../rpc/gen/stratum/v1/metadata.ts';

/** The most that the service gives in one answer. */
const pageSize = 1_000;

/** Every repository whose name begins with `prefix`, by name, page after page. */
export async function* allRepos(metadata: MetadataApi, prefix: string): AsyncGenerator<Repo, void, undefined> {
  let pageToken = '';
  do {
    const page = await metadata.listRepos({ prefix, pageSize, pageToken });
    yield* page.repos;
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
}
