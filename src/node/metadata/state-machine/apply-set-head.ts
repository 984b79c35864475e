import type { Repo, SetHeadRequest } from '../../../rpc/gen/stratum/v1/metadata.ts';
import { readRepoWithId } from '../repo-state.ts';
import type { StateReader } from '../state.ts';
import { repoKey } from '../state-keys.ts';
import { encodeRepo } from '../state-records.ts';
import type { Applied } from './applied.ts';

/** Points HEAD at a branch; where it points there already, nothing changes. REPO_NOT_FOUND. */
export function applySetHead(state: StateReader, { repo: name, repoId, head }: SetHeadRequest): Applied<Repo> {
  const stored = readRepoWithId(state, name, repoId);
  if (stored.repo.head === head) return { writes: [], result: stored.repo };
  const fromGeneration = stored.repo.refsGeneration;
  const repo = { ...stored.repo, head, refsGeneration: fromGeneration + 1n };
  return {
    writes: [{ key: repoKey(name), value: encodeRepo({ ...stored, repo }) }],
    result: repo,
    refsChange: { repoId, fromGeneration, toGeneration: repo.refsGeneration, refs: new Map() },
  };
}
