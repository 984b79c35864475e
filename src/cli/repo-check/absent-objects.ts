import { asStratumError, type StratumError } from '../../base/errors.ts';
import { oidFromBytes } from '../../base/oid.ts';
import { findInPackIndex } from '../../git/pack-index.ts';
import type { ObjectApi } from '../../replication/object-api.ts';
import type { PackRef } from '../../rpc/gen/stratum/v1/metadata.ts';
import { BlobIndex } from './blob-index.ts';

/** What is in no pack, as far as the indexes could be read. */
export interface AbsentObjects {
  readonly absent: ReadonlySet<string>;
  /** The packs whose indexes could not be read. */
  readonly unread: readonly { readonly pack: PackRef; readonly error: StratumError }[];
}

/** Looks Git objects up in the indexes of packs, the largest first, until each is found. */
export async function absentObjects(
  objectIds: Iterable<string>,
  packs: readonly PackRef[],
  modules: { readonly objects: Pick<ObjectApi, 'get'> },
  signal: AbortSignal,
): Promise<AbsentObjects> {
  // In their order, so that neighbours are looked up in the same range of an index.
  let left = [...new Set(objectIds)].sort();
  const unread: { pack: PackRef; error: StratumError }[] = [];
  for (const pack of packs.toSorted((a, b) => Number(b.objectCount - a.objectCount))) {
    if (left.length === 0) break;
    signal.throwIfAborted();
    try {
      const oid = oidFromBytes(pack.indexOid, 'index_oid');
      const index = new BlobIndex({ oid, sizeBytes: Number(pack.indexSize), signal }, modules);
      left = await notIn(index, left);
    } catch (error) {
      signal.throwIfAborted();
      unread.push({ pack, error: asStratumError(error) });
    }
  }
  return { absent: new Set(left), unread };
}

async function notIn(index: BlobIndex, objectIds: readonly string[]): Promise<string[]> {
  const left: string[] = [];
  for (const id of objectIds) if ((await findInPackIndex(index, id)) === undefined) left.push(id);
  return left;
}
