import { StratumError } from '../../../base/errors.ts';
import {
  type CreateRepoOperation,
  CreateRepoRequest,
  ObjectFormat,
  type Repo,
} from '../../../rpc/gen/stratum/v1/metadata.ts';
import type { StateReader } from '../state.ts';
import { repoKey } from '../state-keys.ts';
import { encodeRepo } from '../state-records.ts';
import type { Applied, EntryContext } from './applied.ts';
import { countRepos } from './totals.ts';

/** Where HEAD points in a new repository unless the request says otherwise. */
const defaultHead = 'refs/heads/main';

/** Generations begin above 0, so that 0 can mean "nothing known yet" to a caller. */
const firstGeneration = 1n;

/** A new repository without refs; REPO_EXISTS. */
export function applyCreateRepo(
  state: StateReader,
  { request, repoId }: CreateRepoOperation,
  { partition, atMs }: EntryContext,
): Applied<Repo> {
  const { name, head, objectFormat } = request ?? CreateRepoRequest.create();
  if (state.get(repoKey(name)) !== undefined) {
    throw new StratumError('REPO_EXISTS', `repository ${name} exists already`, { kind: 'repository', id: name });
  }
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
  return {
    writes: [{ key: repoKey(name), value: encodeRepo({ repo, refBytes: 0 }) }, countRepos(state, 1n)],
    result: repo,
  };
}
