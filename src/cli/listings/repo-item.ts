import { oidFromBytes } from '../../base/oid.ts';
import { formatBytes } from '../../base/units.ts';
import { ObjectFormat, type PackRef, type Repo } from '../../rpc/gen/stratum/v1/metadata.ts';
import type { Column, Listing, Source } from '../output/envelope.ts';
import { toTime } from '../output/json.ts';

/** A repository in JSON. */
export interface RepoItem {
  readonly name: string;
  readonly id: string;
  readonly objectFormat: 'sha1' | 'sha256';
  readonly head: string;
  readonly createdAt: string;
  readonly refsGeneration: bigint;
  readonly packsGeneration: bigint;
  readonly refCount: number;
  readonly packCount: number;
  readonly packBytes: number;
  readonly partition: number;
}

/** A deleted repository in JSON. */
export interface DeletedRepoItem extends RepoItem {
  readonly deletedAt: string;
  /** Until when it can be restored. */
  readonly purgeAt: string;
}

/** A pack in JSON. */
export interface PackItem {
  readonly name: string;
  readonly packOid: string;
  readonly packBytes: number;
  readonly indexOid: string;
  readonly objectCount: number;
  readonly addedAt: string;
}

/** The JSON form of a repository. */
export function repoItem(repo: Repo): RepoItem {
  return {
    name: repo.name,
    id: repo.id,
    objectFormat: formatOf(repo),
    head: repo.head,
    createdAt: toTime(Number(repo.createdAtMs)),
    refsGeneration: repo.refsGeneration,
    packsGeneration: repo.packsGeneration,
    refCount: Number(repo.refCount),
    packCount: Number(repo.packCount),
    packBytes: Number(repo.packBytes),
    partition: repo.partition,
  };
}

/** The JSON form of a deleted repository. */
export function deletedRepoItem(repo: Repo): DeletedRepoItem {
  const deletedAt = toTime(Number(repo.deletedAtMs ?? 0n));
  return { ...repoItem(repo), deletedAt, purgeAt: toTime(Number(repo.purgeAtMs ?? 0n)) };
}

/** The JSON form of a pack. */
export function packItem(pack: PackRef): PackItem {
  return {
    name: pack.name,
    packOid: oidFromBytes(pack.packOid, 'pack_oid'),
    packBytes: Number(pack.packSize),
    indexOid: oidFromBytes(pack.indexOid, 'index_oid'),
    objectCount: Number(pack.objectCount),
    addedAt: toTime(Number(pack.addedAtMs)),
  };
}

/** The hash of a repository's Git objects. */
export function formatOf(repo: Repo): 'sha1' | 'sha256' {
  return repo.objectFormat === ObjectFormat.SHA256 ? 'sha256' : 'sha1';
}

/** The columns of repositories. */
export const repoColumns: readonly Column<RepoItem>[] = [
  { header: 'name', value: ({ name }) => name },
  { header: 'head', value: ({ head }) => head.replace(/^refs\/heads\//, '') },
  { header: 'refs', value: ({ refCount }) => refCount, right: true },
  { header: 'packs', value: ({ packCount }) => packCount, right: true },
  { header: 'size', value: ({ packBytes }) => formatBytes(packBytes), right: true },
  { header: 'created', value: ({ createdAt }) => createdAt },
  { header: 'format', value: ({ objectFormat }) => objectFormat, wide: true },
  { header: 'partition', value: ({ partition }) => partition, wide: true, right: true },
  { header: 'id', value: ({ id }) => id, wide: true },
];

/** The columns of deleted repositories; several may have had one name. */
export const deletedRepoColumns: readonly Column<DeletedRepoItem>[] = [
  { header: 'name', value: ({ name }) => name },
  { header: 'id', value: ({ id }) => id },
  { header: 'refs', value: ({ refCount }) => refCount, right: true },
  { header: 'size', value: ({ packBytes }) => formatBytes(packBytes), right: true },
  { header: 'deleted', value: ({ deletedAt }) => deletedAt },
  { header: 'restorable-until', value: ({ purgeAt }) => purgeAt },
  { header: 'packs', value: ({ packCount }) => packCount, wide: true, right: true },
  { header: 'partition', value: ({ partition }) => partition, wide: true, right: true },
];

/** One repository after it was changed. */
export function oneRepo(repo: Repo | undefined, source: Source): Listing<RepoItem> {
  const items = repo === undefined ? [] : [repoItem(repo)];
  return { kind: 'Repo', source, items, rows: items, columns: repoColumns, name: ({ name }) => `repo/${name}` };
}
