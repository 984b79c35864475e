import {
  type CreateRepoOperation,
  CreateRepoRequest,
  ObjectFormat,
  type Repo,
} from '../../../rpc/gen/stratum/v1/metadata.ts';
import { findRepo } from '../repo-state.ts';
import type { StateReader } from '../state.ts';
import { repoKey } from '../state-keys.ts';
import { encodeRepo } from '../state-records.ts';
import type { Applied, EntryContext } from './applied.ts';
import { assertNameFree } from './name-rows.ts';
import { countRepos } from './totals.ts';

/** Where HEAD points in a new repository unless the request says otherwise. */
const defaultHead = 'refs/heads/main';

/** Generations begin above 0, so that 0 can mean "nothing known yet" to a caller. */
const firstGeneration = 1n;

/**
 * A new repository without refs; the request that made the one of that name is answered with it again.
 * REPO_EXISTS; REPO_MOVED when the name is kept for a repository of another partition.
 */
export function applyCreateRepo(
  state: StateReader,
  { request, repoId }: CreateRepoOperation,
  { partition, atMs }: EntryContext,
): Applied<Repo> {
  const { name, head, objectFormat, requestId = Buffer.alloc(0) } = request ?? CreateRepoRequest.create();
  const present = findRepo(state, name);
  if (present !== undefined && requestId.length > 0 && present.requestId.equals(requestId)) {
    return { writes: [], result: present.repo };
  }
  assertNameFree(state, name);
  const repo: Repo = {
    name,
    id: repoId,
    objectFormat: objectFormat === ObjectFormat.SHA256 ? ObjectFormat.SHA256 : ObjectFormat.SHA1,
    head: head === '' ? defaultHead : head,
    createdAtMs: atMs,
    refsGeneration: firstGeneration,
    packsGeneration: firstGeneration,
    refCount: 0n,
    packCount: 0n,
    packBytes: 0n,
    partition,
  };
  const stored = { repo, refBytes: 0, nameToken: Buffer.alloc(0), requestId, purging: false };
  return { writes: [{ key: repoKey(name), value: encodeRepo(stored) }, countRepos(state, 1n)], result: repo };
}
