import { StratumError } from '../../../base/errors.ts';
import type { PackRef, Repo } from '../../../rpc/gen/stratum/v1/metadata.ts';
import type { StateReader, StateWrite } from '../state.ts';
import { encodePosition, packKey, packNameKey } from '../state-keys.ts';
import { decodeBytes, decodePack, encodeBytes, encodePack } from '../state-records.ts';
import type { EntryContext } from './applied.ts';

/** Packs of one repository: with at most 320 bytes each, GetRepo's answer stays below the largest message. */
export const packsMax = 200_000;

/** A change of a repository's pack list. */
export interface PackListChange {
  readonly writes: readonly StateWrite[];
  /** The repository with its counts and its generation as they are then; the same object if nothing changed. */
  readonly repo: Repo;
}

/**
 * Removes and adds packs. A pack that is there already is not added twice; one of that name with
 * other content is INVALID_ARGUMENT. VERSION_CONFLICT when one to be removed is not there,
 * TOO_LARGE for too many packs.
 */
export function changePacks(
  state: StateReader,
  repo: Repo,
  { remove, add }: { readonly remove: readonly string[]; readonly add: readonly PackRef[] },
  { index, atMs }: EntryContext,
): PackListChange {
  const writes: StateWrite[] = [];
  let { packCount, packBytes } = repo;
  const removed = new Set(remove);
  for (const name of removed) {
    const found = findPack(state, repo.id, name);
    if (found === undefined) throw packMissing(repo, name);
    writes.push({ key: found.key, value: undefined }, { key: packNameKey(repo.id, name), value: undefined });
    packCount -= 1n;
    packBytes -= found.pack.packSize;
  }
  const added = new Map<string, PackRef>();
  for (const pack of add) {
    const present =
      added.get(pack.name) ?? (removed.has(pack.name) ? undefined : findPack(state, repo.id, pack.name)?.pack);
    if (present !== undefined) {
      if (!present.packOid.equals(pack.packOid)) throw packDiffers(repo, pack.name);
      continue;
    }
    const position = encodePosition({ index, ordinal: added.size });
    const stored = { ...pack, addedAtMs: atMs };
    added.set(pack.name, stored);
    writes.push(
      { key: packKey(repo.id, position), value: encodePack(stored) },
      { key: packNameKey(repo.id, pack.name), value: encodeBytes(position) },
    );
    packCount += 1n;
    packBytes += pack.packSize;
  }
  if (added.size > 0 && packCount > packsMax) throw tooManyPacks(repo, packCount);
  if (writes.length === 0) return { writes, repo };
  return { writes, repo: { ...repo, packCount, packBytes, packsGeneration: repo.packsGeneration + 1n } };
}

function findPack(state: StateReader, repoId: string, name: string): { key: Buffer; pack: PackRef } | undefined {
  const position = state.get(packNameKey(repoId, name));
  if (position === undefined) return undefined;
  const key = packKey(repoId, decodeBytes(position));
  const bytes = state.get(key);
  if (bytes === undefined) {
    throw new StratumError('DATA_CORRUPT', `pack ${name} has a name but no record in repository ${repoId}`);
  }
  return { key, pack: decodePack(bytes) };
}

function packMissing(repo: Repo, name: string): StratumError {
  return new StratumError(
    'VERSION_CONFLICT',
    `repository ${repo.name} has no pack ${name}, which was to be replaced`,
    { what: `pack ${name}`, expected: 'present', current: 'absent' },
    { hint: 'read the pack list again' },
  );
}

function packDiffers(repo: Repo, name: string): StratumError {
  const reason = `pack ${name} is in repository ${repo.name} already with other content`;
  return new StratumError('INVALID_ARGUMENT', reason, {
    field: 'packs',
    reason,
    expected: 'one content for each name',
  });
}

function tooManyPacks(repo: Repo, count: bigint): StratumError {
  return new StratumError(
    'TOO_LARGE',
    `repository ${repo.name} would have ${count} packs, the limit is ${packsMax}`,
    { what: `packs of repository ${repo.name}`, limit: BigInt(packsMax), actual: count },
    { hint: 'repack the repository' },
  );
}
