import type { Logger } from '../base/log.ts';
import type { Oid } from '../base/oid.ts';
import { type BlobFiles, folderPrefixLength } from './blob-files.ts';
import type { BlobIndex } from './blob-index.ts';
import type { StoreObserver } from './store-observer.ts';

/**
 * Makes files and records agree again after an unclean stop. A file without a record was never
 * acknowledged (or its delete was) and goes. A record without its file was acknowledged and is
 * lost: it stays, in quarantine, so that this node answers "cannot say" and not "missing" until the
 * blob is put again. Contents are not read here; every read checks them.
 */
export async function recoverBlobs(
  index: BlobIndex,
  files: BlobFiles,
  { log, observer }: { readonly log: Logger; readonly observer: StoreObserver },
): Promise<void> {
  let deletedCount = 0;
  for await (const oids of files.list()) {
    for (const oid of oids) {
      const record = index.record(oid);
      if (record?.place === 'file' && !record.quarantined) continue;
      await files.remove(oid);
      deletedCount += 1;
    }
  }
  const lost = await findLost(index, files);
  for (const oid of lost) {
    await index.change(oid, (current) => ({
      next: current === undefined ? undefined : { ...current, quarantined: true },
      result: undefined,
    }));
    observer.quarantined();
    log.error({ oid }, 'the file of a stored blob is gone: put in quarantine');
  }
  for (const oid of await files.listQuarantined()) {
    if (index.record(oid)?.quarantined !== true) await files.removeQuarantined(oid);
  }
  log.info({ deletedCount, lostCount: lost.length }, 'blob files and records were compared after an unclean stop');
}

/** Ids of records whose file is gone. Files are looked up a folder at a time, in the order of the records. */
async function findLost(index: BlobIndex, files: BlobFiles): Promise<Oid[]> {
  const lost: Oid[] = [];
  let folder: { readonly prefix: string; readonly names: ReadonlySet<Oid> } | undefined;
  for (const [oid, record] of index.records()) {
    if (record.place !== 'file' || record.quarantined) continue;
    const prefix = oid.slice(0, folderPrefixLength);
    if (folder?.prefix !== prefix) folder = { prefix, names: new Set(await files.listFolder(oid)) };
    if (!folder.names.has(oid)) lost.push(oid);
  }
  return lost;
}
