import { StratumError } from '../../base/errors.ts';
import { formatOfId, type ObjectFormat, zeroId } from '../../git/object-id.ts';
import { type PackRef, type Ref, type Repo, ObjectFormat as WireFormat } from '../../rpc/gen/stratum/v1/metadata.ts';
import { prefixRange, type StateReader } from './state.ts';
import { packPrefix, refKey, refNameOf, refPrefix, repoKey } from './state-keys.ts';
import { decodePack, decodeRef, decodeRepo, type StoredRepo } from './state-records.ts';

/** A repository by name; REPO_NOT_FOUND. */
export function readRepo(state: StateReader, name: string): StoredRepo {
  const bytes = state.get(repoKey(name));
  if (bytes === undefined) throw repoNotFound(name);
  return decodeRepo(bytes);
}

/** A repository that must still be the one with `repoId`; REPO_NOT_FOUND when it was deleted, or made again. */
export function readRepoWithId(state: StateReader, name: string, repoId: string): StoredRepo {
  const stored = readRepo(state, name);
  if (stored.repo.id === repoId) return stored;
  throw new StratumError(
    'REPO_NOT_FOUND',
    `repository ${name} with id ${JSON.stringify(repoId.slice(0, 64))} is gone; the one of that name now has id ${stored.repo.id}`,
    { kind: 'repository', id: name },
    { hint: 'read the repository again and decide anew' },
  );
}

export function repoNotFound(name: string): StratumError<'REPO_NOT_FOUND'> {
  return new StratumError(
    'REPO_NOT_FOUND',
    `there is no repository ${name}`,
    { kind: 'repository', id: name },
    { hint: 'stratum repo list shows all; stratum repo create makes one' },
  );
}

/** Reads refs one by one. */
export function refReader(state: StateReader, repoId: string): (name: string) => Ref | undefined {
  const prefix = refPrefix(repoId);
  return (name) => {
    const bytes = state.get(refKey(prefix, name));
    return bytes === undefined ? undefined : decodeRef(name, bytes);
  };
}

/** All refs in the byte order of their names. */
export function readRefs(state: StateReader, repoId: string): Ref[] {
  const refs: Ref[] = [];
  for (const entry of state.range(prefixRange(refPrefix(repoId)))) refs.push(decodeRef(refNameOf(entry), entry.value));
  return refs;
}

/** All packs, oldest first. */
export function readPacks(state: StateReader, repoId: string): PackRef[] {
  const packs: PackRef[] = [];
  for (const { value } of state.range(prefixRange(packPrefix(repoId)))) packs.push(decodePack(value));
  return packs;
}

/** The object format of a repository. */
export function formatOfRepo({ objectFormat }: Pick<Repo, 'objectFormat'>): ObjectFormat {
  return objectFormat === WireFormat.SHA256 ? 'sha256' : 'sha1';
}

/** The id that stands for "no object" in a repository. */
export function zeroOfRepo(repo: Pick<Repo, 'objectFormat'>): string {
  return zeroId(formatOfRepo(repo));
}

/** Whether a name can be one that git gives to a pack: the hex digits of a hash. */
export function isPackName(name: string): boolean {
  return formatOfId(name) !== undefined;
}
