import pLimit from 'p-limit';
import { StratumError } from '../../base/errors.ts';
import { type Oid, oidFromBytes } from '../../base/oid.ts';
import type { MetadataApi } from '../../client/metadata-api.ts';
import { formatOfId } from '../../git/object-id.ts';
import { findInPackIndex } from '../../git/pack-index.ts';
import type { ObjectApi } from '../../replication/object-api.ts';
import { ObjectFormat, type PackRef, type Repo } from '../../rpc/gen/stratum/v1/metadata.ts';
import { allRepos } from '../all-repos.ts';

/** Indexes that are read at once: each costs two small reads of an object node. */
const indexesAtOnce = 8;

/** A pack that holds a Git object. */
export interface FoundPack {
  readonly repo: string;
  /** Git's name of the pack. */
  readonly pack: string;
  readonly oid: Oid;
  /** Bytes. */
  readonly size: number;
}

/** Where to look. */
export interface PackSearch {
  /** 40 or 64 hex digits. */
  readonly objectId: string;
  /** Only this repository; all when absent. */
  readonly repo?: string | undefined;
  readonly signal: AbortSignal;
}

/** Every pack that holds a Git object, in the repositories whose ids have its length. */
export async function findPacks(
  search: PackSearch,
  modules: { readonly metadata: MetadataApi; readonly objects: ObjectApi },
): Promise<FoundPack[]> {
  const limit = pLimit(indexesAtOnce);
  const found: FoundPack[] = [];
  for await (const { repo, packs } of packsToSearch(search, modules.metadata)) {
    search.signal.throwIfAborted();
    const hits = await Promise.all(
      packs.map((pack) => limit(async () => ((await holds(pack, search, modules.objects)) ? pack : undefined))),
    );
    for (const pack of hits) {
      if (pack === undefined) continue;
      const oid = oidFromBytes(pack.packOid, 'pack_oid');
      found.push({ repo: repo.name, pack: pack.name, oid, size: Number(pack.packSize) });
    }
  }
  return found;
}

async function* packsToSearch(
  search: PackSearch,
  metadata: MetadataApi,
): AsyncGenerator<{ repo: Repo; packs: readonly PackRef[] }> {
  const wanted = formatOfId(search.objectId) === 'sha256' ? ObjectFormat.SHA256 : ObjectFormat.SHA1;
  const matches = (repo: Repo) => (repo.objectFormat || ObjectFormat.SHA1) === wanted;
  if (search.repo !== undefined) {
    const { repo, packs } = await metadata.getRepo({ name: search.repo, includePacks: true });
    if (repo !== undefined && matches(repo)) yield { repo, packs };
    return;
  }
  for await (const repo of allRepos(metadata)) {
    if (!matches(repo) || repo.packCount === 0n) continue;
    const { packs } = await metadata.getRepo({ name: repo.name, includePacks: true });
    yield { repo, packs };
  }
}

async function holds(pack: PackRef, search: PackSearch, objects: ObjectApi): Promise<boolean> {
  const oid = oidFromBytes(pack.indexOid, 'index_oid');
  const read = async (offset: number, length: number): Promise<Buffer> => {
    const { chunks } = await objects.get(oid, { offset, length }, { signal: search.signal });
    const bytes = Buffer.concat(await Array.fromAsync(chunks));
    if (bytes.length === length) return bytes;
    const text = `the index of pack ${pack.name} ends after ${offset + bytes.length} bytes`;
    throw new StratumError('DATA_CORRUPT', text);
  };
  return (await findInPackIndex({ read }, search.objectId)) !== undefined;
}
