import type {
  ReleaseNameRequest,
  ReleaseNameResponse,
  ReserveNameRequest,
  ReserveNameResponse,
} from '../../../rpc/gen/stratum/v1/metadata.ts';
import { findAlias } from '../repo-state.ts';
import type { StateReader } from '../state.ts';
import { aliasKey } from '../state-keys.ts';
import { encodeAlias } from '../state-records.ts';
import type { Applied } from './applied.ts';
import { assertNameFree } from './name-rows.ts';

/** Keeps a name for a repository of another partition. REPO_EXISTS; REPO_MOVED when it is kept under another token. */
export function applyReserveName(
  state: StateReader,
  { name, repoId, home, token }: ReserveNameRequest,
): Applied<ReserveNameResponse> {
  if (findAlias(state, name)?.token.equals(token) === true) return { writes: [], result: {} };
  assertNameFree(state, name);
  return { writes: [{ key: aliasKey(name), value: encodeAlias({ repoId, home, token }) }], result: {} };
}

/** Gives up a name that is kept under this token. */
export function applyReleaseName(
  state: StateReader,
  { name, token }: ReleaseNameRequest,
): Applied<ReleaseNameResponse> {
  const released = findAlias(state, name)?.token.equals(token) === true;
  return { writes: released ? [{ key: aliasKey(name), value: undefined }] : [], result: { released } };
}
