import { StratumError } from '../base/errors.ts';
import type { ListReposResponse, Repo } from '../rpc/gen/stratum/v1/metadata.ts';
import type { ListReposQuery, RestoreRepoQuery } from './metadata-api.ts';

/** The largest page of a listing. */
const pageSize = 1_000;

/** Where a deleted repository is, and what it was called. */
type DeletedRepo = Pick<Repo, 'id' | 'name' | 'partition'>;

/**
 * The deleted repository that is meant: by its id, or by the name that it had. REPO_NOT_FOUND when none can be restored,
 * INVALID_ARGUMENT when neither is given, or when several had the name.
 */
export async function findDeletedRepo(
  { id = '', name = '', home }: RestoreRepoQuery,
  list: (query: ListReposQuery) => Promise<ListReposResponse>,
): Promise<DeletedRepo> {
  if (id === '' && name === '') throw invalid('id', 'neither an id nor a name says what to restore', 'one of them');
  if (id !== '' && home !== undefined) return { id, name, partition: home };
  const found: DeletedRepo[] = [];
  let pageToken = '';
  do {
    const page = await list({ prefix: name, pageSize, pageToken, deleted: true });
    found.push(...page.repos.filter((repo) => (id === '' || repo.id === id) && (name === '' || repo.name === name)));
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
  const [repo, another] = found;
  if (repo === undefined) throw notFound(id || name);
  if (another === undefined) return repo;
  const ids = found.map((each) => each.id).join(', ');
  throw invalid('name', `several deleted repositories were called ${name}: ${ids}`, 'the id of one of them');
}

function notFound(what: string): StratumError<'REPO_NOT_FOUND'> {
  return new StratumError(
    'REPO_NOT_FOUND',
    `there is no deleted repository ${what} that could be restored`,
    { kind: 'repository', id: what },
    { hint: 'stratum repo list --deleted shows all' },
  );
}

function invalid(field: string, reason: string, expected: string): StratumError<'INVALID_ARGUMENT'> {
  return new StratumError('INVALID_ARGUMENT', reason, { field, reason, expected });
}
