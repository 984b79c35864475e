import type { Clock } from '../base/clock.ts';
import { explain } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { Oid } from '../base/oid.ts';
import { BlobFileReader } from './blob-file-reader.ts';
import type { BlobFiles } from './blob-files.ts';
import type { BlobIndex } from './blob-index.ts';
import type { BlobRecord } from './blob-record.ts';
import { checkContent } from './checked-content.ts';
import type { StoreObserver } from './store-observer.ts';

/** What taking in files needs. */
export interface AdoptionModules {
  readonly index: BlobIndex;
  readonly files: BlobFiles;
  readonly clock: Clock;
  readonly log: Logger;
  readonly observer: StoreObserver;
}

/** How many files were taken in as blobs, and how many were put in quarantine. */
export interface AdoptionCounts {
  readonly adoptedCount: number;
  readonly damagedCount: number;
}

/** Records of one commit. */
const batchRecords = 500;

/** Between two lines of the log that tell how far it is. */
const progressIntervalMs = 10_000;

/**
 * Gives every file of a new index its record again: an index that was lost must not take the blobs with it.
 * Each file is hashed; one that is not what its name says goes into quarantine, and none is deleted. When it
 * was, nobody knows: the age is that of now, so that nothing is too old at once. What has its record
 * from an interrupted adoption is left as it is. Blobs that the index itself held are lost with it.
 */
export async function adoptAllFiles(modules: AdoptionModules): Promise<void> {
  const { index, files, clock, log } = modules;
  const adoption = new Adoption(modules);
  let saidAtMs = clock.monotonicMs();
  for await (const oids of files.list()) {
    for (const oid of oids) {
      if (index.record(oid) === undefined) await adoption.add(oid);
      if (clock.monotonicMs() - saidAtMs < progressIntervalMs) continue;
      saidAtMs = clock.monotonicMs();
      log.info({ ...adoption.counts, reached: oid }, 'the blob index is new: files are hashed and taken in');
    }
  }
  for (const oid of await files.listQuarantined()) {
    if (index.record(oid) === undefined) await adoption.addQuarantined(oid);
  }
  await adoption.end();
  await index.endAdoption();
  const { adoptedCount, damagedCount } = adoption.counts;
  if (adoptedCount + damagedCount === 0) return;
  const said = 'the blob index was gone: files were hashed and taken in; the small blobs that it held are lost';
  log.error({ adoptedCount, damagedCount }, said);
}

/** Gives files whose records cannot be read new ones; those that are not what their names say go into quarantine. */
export async function adoptFiles(oids: Iterable<Oid>, modules: AdoptionModules): Promise<AdoptionCounts> {
  const adoption = new Adoption(modules);
  for (const oid of oids) await adoption.add(oid);
  await adoption.end();
  return adoption.counts;
}

class Adoption {
  readonly #modules: AdoptionModules;
  readonly #records = new Map<Oid, BlobRecord>();
  readonly #damaged: Oid[] = [];
  #adoptedCount = 0;
  #damagedCount = 0;

  constructor(modules: AdoptionModules) {
    this.#modules = modules;
  }

  get counts(): AdoptionCounts {
    return { adoptedCount: this.#adoptedCount, damagedCount: this.#damagedCount };
  }

  async add(oid: Oid): Promise<void> {
    const { clock, log, files, observer } = this.#modules;
    const { size, damage } = await inspect(files, oid);
    const quarantined = damage !== undefined;
    if (quarantined) {
      log.error({ oid, size, got: damage }, 'a blob file is damaged: put in quarantine');
      observer.quarantined();
      this.#damaged.push(oid);
      this.#damagedCount += 1;
    } else this.#adoptedCount += 1;
    await this.#write(oid, { place: 'file', quarantined, size, storedAtMs: clock.nowMs() });
  }

  /** The file is in quarantine already. */
  async addQuarantined(oid: Oid): Promise<void> {
    this.#damagedCount += 1;
    const storedAtMs = this.#modules.clock.nowMs();
    await this.#write(oid, { place: 'file', quarantined: true, size: 0, storedAtMs });
  }

  async #write(oid: Oid, record: BlobRecord): Promise<void> {
    this.#records.set(oid, record);
    if (this.#records.size >= batchRecords) await this.end();
  }

  /** Puts what was gathered on disk. */
  async end(): Promise<void> {
    if (this.#records.size === 0) return;
    const { index, files, log } = this.#modules;
    await index.putRecords(this.#records);
    this.#records.clear();
    // After its record: a copy that is aside without one would be deleted by the next start.
    for (const oid of this.#damaged.splice(0)) {
      try {
        await files.quarantine(oid);
      } catch (error) {
        log.error(
          { oid, error: explain(error) },
          'a damaged file could not be moved aside; its record keeps it from use',
        );
      }
    }
  }
}

/** The size of a blob's file, and what is wrong with it; undefined when nothing is. */
async function inspect(files: BlobFiles, oid: Oid): Promise<{ readonly size: number; readonly damage?: string }> {
  let size = 0;
  let damage: string | undefined;
  try {
    size = (await files.size(oid)) ?? 0;
    const file = await files.open(oid);
    if (file === undefined) return { size, damage: 'its file is gone' };
    const reader = new BlobFileReader(file, {
      oid,
      offset: 0,
      length: size,
      whole: true,
      reusesBuffer: true,
      onDamaged: async (got) => {
        damage = got;
      },
    });
    for await (const _ of reader); // Reading it whole checks it.
    if (size === 0) damage = checkContent(oid, Buffer.alloc(0))?.details.got;
  } catch (error) {
    // What the disk refuses to give is lost here; the other files are not.
    damage ??= explain(error);
  }
  return damage === undefined ? { size } : { size, damage };
}
