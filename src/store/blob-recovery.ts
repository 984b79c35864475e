import type { Clock } from '../base/clock.ts';
import { explain } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { Oid } from '../base/oid.ts';
import { adoptFiles } from './adopt-files.ts';
import { type BlobFiles, folderPrefixLength } from './blob-files.ts';
import type { BlobIndex } from './blob-index.ts';
import { mayBeInIndex } from './blob-record.ts';
import { type BlobTotals, countChange, noBlobs } from './blob-totals.ts';
import type { StoreObserver } from './store-observer.ts';

/** What a recovery needs. */
export interface RecoveryModules {
  readonly clock: Clock;
  readonly log: Logger;
  readonly observer: StoreObserver;
}

/**
 * Makes files and records agree again after an unclean stop. A file without a record was never
 * acknowledged (or its delete was) and goes. A record without its file was acknowledged and is
 * lost: it stays, in quarantine, so that this node answers "cannot say" and not "missing" until the
 * blob is put again. A record that cannot be read is written anew from its file, which is hashed, or
 * goes into quarantine. No other content is read here; every read checks it.
 */
export async function recoverBlobs(index: BlobIndex, files: BlobFiles, modules: RecoveryModules): Promise<void> {
  const { log, clock, observer } = modules;
  let deletedCount = 0;
  const toAdopt: Oid[] = [];
  for await (const oids of files.list()) {
    for (const oid of oids) {
      const record = index.record(oid);
      if (record?.unreadable === true) toAdopt.push(oid);
      else if (record?.place !== 'file' || record.quarantined) {
        deletedCount += (await removed(oid, log, () => files.remove(oid))) ? 1 : 0;
      }
    }
  }
  const { lost, totals } = await lookAtRecords(index, files);
  await index.correctTotals(totals);
  const { adoptedCount } = await adoptFiles(toAdopt, { ...modules, index, files });
  const adopted = new Set(toAdopt);
  const aside = lost.filter((oid) => !adopted.has(oid));
  for (const oid of aside) {
    const wasUnreadable = index.record(oid)?.unreadable === true;
    await index.change(oid, (current) => {
      if (current === undefined) return { next: undefined, result: undefined };
      const storedAtMs = wasUnreadable ? clock.nowMs() : current.storedAtMs;
      const content = mayBeInIndex(current) ? ({ content: 'quarantine' } as const) : {};
      return { next: { ...current, storedAtMs, quarantined: true }, ...content, result: undefined };
    });
    observer.quarantined();
    const what = wasUnreadable ? 'the record of a stored blob cannot be read' : 'the file of a stored blob is gone';
    log.error({ oid }, `${what}: put in quarantine`);
  }
  for (const oid of await files.listQuarantined()) {
    if (index.record(oid)?.quarantined !== true) await removed(oid, log, () => files.removeQuarantined(oid));
  }
  const counts = { deletedCount, lostCount: aside.length, adoptedCount };
  log.info(counts, 'blob files and records were compared after an unclean stop');
}

/** Whether a file could be deleted; one that cannot be is in nobody's way, and no reason to refuse the start. */
async function removed(oid: Oid, log: Logger, remove: () => Promise<void>): Promise<boolean> {
  try {
    await remove();
    return true;
  } catch (error) {
    log.error({ oid, error: explain(error) }, 'a file without a record could not be deleted');
    return false;
  }
}

/**
 * Ids of records that cannot be read or whose file is gone, and the totals counted anew. Files are
 * looked up a folder at a time, in the order of the records.
 */
async function lookAtRecords(index: BlobIndex, files: BlobFiles): Promise<{ lost: Oid[]; totals: BlobTotals }> {
  const lost: Oid[] = [];
  let totals = noBlobs;
  let folder: { readonly prefix: string; readonly names: ReadonlySet<Oid> } | undefined;
  for (const [oid, record] of index.records()) {
    totals = countChange(totals, undefined, record);
    if (record.unreadable === true) lost.push(oid);
    if (record.place !== 'file' || record.quarantined) continue;
    const prefix = oid.slice(0, folderPrefixLength);
    if (folder?.prefix !== prefix) folder = { prefix, names: new Set(await files.listFolder(oid)) };
    if (!folder.names.has(oid)) lost.push(oid);
  }
  return { lost, totals };
}
