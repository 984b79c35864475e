import type { MetadataApi } from '../client/metadata-api.ts';
import type { Repo } from '../rpc/gen/stratum/v1/metadata.ts';

/** The most that the service gives in one answer. */
const pageSize = 1_000;

/** Every repository whose name begins with `prefix`, or every deleted one, by name, page after page. */
export async function* allRepos(
  metadata: MetadataApi,
  { prefix = '', deleted = false }: { readonly prefix?: string; readonly deleted?: boolean } = {},
): AsyncGenerator<Repo, void, undefined> {
  let pageToken = '';
  do {
    const page = await metadata.listRepos({ prefix, pageSize, pageToken, deleted });
    yield* page.repos;
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
}
