import type { Clock } from '../base/clock.ts';
import { explain } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { Oid } from '../base/oid.ts';
import type { BlobFiles } from './blob-files.ts';
import type { BlobIndex } from './blob-index.ts';
import { type BlobPlace, isGood } from './blob-record.ts';
import { checkContent } from './checked-content.ts';
import type { StoreObserver } from './store-observer.ts';

/** What the quarantine shares with its store. */
export interface QuarantineModules {
  readonly clock: Clock;
  readonly log: Logger;
  readonly observer: StoreObserver;
  readonly index: BlobIndex;
  readonly files: BlobFiles;
}

/** Takes damaged copies out of service. All is called in the blob's turn. */
export class Quarantine {
  readonly #modules: QuarantineModules;

  constructor(modules: QuarantineModules) {
    this.#modules = modules;
  }

  /**
   * Marks a copy as damaged and moves its file aside. A copy that has become a good one meanwhile is
   * left alone: somebody was told that it is stored.
   */
  async put(oid: Oid, place: BlobPlace, got: string): Promise<void> {
    const { index, log } = this.#modules;
    const size = await index.change(oid, (current) => {
      const isHealed = place === 'index' && damageOf(oid, index.content(oid)) === undefined;
      if (!isGood(current) || current.place !== place || isHealed) return { next: current, result: undefined };
      const aside = place === 'index' ? ({ content: 'quarantine' } as const) : {};
      return { next: { ...current, quarantined: true }, ...aside, result: current.size };
    });
    if (size === undefined) return;
    this.#modules.observer.quarantined();
    log.error({ oid, size, got }, 'a stored blob is damaged: put in quarantine');
    if (place === 'file') await this.#moveAside(oid);
  }

  /** Writes the record of a blob anew that cannot be read, in quarantine: what it said is lost. */
  async putUnreadable(oid: Oid): Promise<void> {
    const { index, clock, log, observer } = this.#modules;
    const wasUnreadable = await index.change(oid, (current) => {
      if (current?.unreadable !== true) return { next: current, result: false };
      return { next: { ...current, storedAtMs: clock.nowMs() }, content: 'quarantine', result: true };
    });
    if (!wasUnreadable) return;
    observer.quarantined();
    log.error({ oid }, 'the record of a stored blob cannot be read: put in quarantine');
    await this.#moveAside(oid);
  }

  /** The record keeps the copy from use already: a file that cannot be moved concerns nobody but the log. */
  async #moveAside(oid: Oid): Promise<void> {
    const { files, log } = this.#modules;
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

/** What is wrong with content of the index; undefined when nothing is. */
export function damageOf(oid: Oid, content: Buffer | undefined): string | undefined {
  if (content === undefined) return 'its content is gone';
  return checkContent(oid, content)?.details.got;
}
