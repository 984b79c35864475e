import { StratumError } from '../../base/errors.ts';
import { formatOfId, type ObjectFormat, zeroId } from '../../git/object-id.ts';
import {
  type NameAlias,
  type PackRef,
  type Ref,
  type Repo,
  ObjectFormat as WireFormat,
} from '../../rpc/gen/stratum/v1/metadata.ts';
import { prefixRange, type StateReader } from './state.ts';
import { aliasKey, deletedRepoKey, isRepoId, packPrefix, refKey, refNameOf, refPrefix, repoKey } from './state-keys.ts';
import { decodeAlias, decodePack, decodeRef, decodeRepo, type StoredRepo } from './state-records.ts';

/** A repository by name; REPO_MOVED when the name is kept for one of another partition, REPO_NOT_FOUND. */
export function readRepo(state: StateReader, name: string): StoredRepo {
  const stored = findRepo(state, name);
  if (stored !== undefined) return stored;
  const alias = findAlias(state, name);
  throw alias === undefined ? repoNotFound(name) : repoMoved(name, alias.home);
}

/** A repository of this partition by name. */
export function findRepo(state: StateReader, name: string): StoredRepo | undefined {
  const bytes = state.get(repoKey(name));
  return bytes === undefined ? undefined : decodeRepo(bytes);
}

/** A deleted repository that is still kept. */
export function findDeletedRepo(state: StateReader, repoId: string): StoredRepo | undefined {
  const bytes = isRepoId(repoId) ? state.get(deletedRepoKey(repoId)) : undefined;
  return bytes === undefined ? undefined : decodeRepo(bytes);
}

/** For which repository of another partition a name is kept. */
export function findAlias(state: StateReader, name: string): NameAlias | undefined {
  const bytes = state.get(aliasKey(name));
  return bytes === undefined ? undefined : decodeAlias(bytes);
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

/** The error for a name that is kept for a repository of another partition. */
export function repoMoved(name: string, partition: number): StratumError<'REPO_MOVED'> {
  return new StratumError('REPO_MOVED', `repository ${name} is in partition ${partition}`, { partition });
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
