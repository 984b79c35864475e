import { StratumError } from '../../../base/errors.ts';
import {
  type DeleteRepoOperation,
  DeleteRepoRequest,
  type DeleteRepoResponse,
} from '../../../rpc/gen/stratum/v1/metadata.ts';
import { prefixRange, type StateReader, type StateWrite } from '../state.ts';
import {
  changePrefix,
  packNamePrefix,
  packPrefix,
  pushAnswerPrefix,
  pushExpiryKey,
  pushIdOfAnswerKey,
  refPrefix,
  repoKey,
} from '../state-keys.ts';
import { decodeAnswer, decodeRepo } from '../state-records.ts';
import type { Applied } from './applied.ts';
import { countRepos } from './totals.ts';

/** Removes a repository with all that belongs to it. One that is not there is success; VERSION_CONFLICT for another id. */
export function applyDeleteRepo(state: StateReader, { request }: DeleteRepoOperation): Applied<DeleteRepoResponse> {
  const { name, expectedId } = request ?? DeleteRepoRequest.create();
  const bytes = state.get(repoKey(name));
  if (bytes === undefined) return { writes: [], result: { deleted: false } };
  const { id } = decodeRepo(bytes).repo;
  if (id !== expectedId) {
    throw new StratumError(
      'VERSION_CONFLICT',
      `repository ${name} is not the one that was to be deleted: its id is ${id}, not ${expectedId}`,
      { what: `repository ${name}`, expected: expectedId, current: id },
      { hint: 'look at the repository that has the name now and decide anew' },
    );
  }
  const writes: StateWrite[] = [{ key: repoKey(name), value: undefined }, countRepos(state, -1n)];
  for (const prefix of [refPrefix(id), packPrefix(id), packNamePrefix(id), changePrefix(id)]) {
    for (const { key } of state.range(prefixRange(prefix))) writes.push({ key, value: undefined });
  }
  for (const { key, value } of state.range(prefixRange(pushAnswerPrefix(id)))) {
    const expiry = pushExpiryKey(decodeAnswer(value).atMs, id, pushIdOfAnswerKey(key));
    writes.push({ key, value: undefined }, { key: expiry, value: undefined });
  }
  return { writes, result: { deleted: true } };
}
