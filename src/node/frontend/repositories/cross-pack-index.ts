import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { explain, systemCode } from '../../../base/errors.ts';
import type { Logger } from '../../../base/log.ts';
import type { GitRunner } from '../../../git/git-runner.ts';
import type { RepositoryState } from './repository-state.ts';

/** When one is written. */
export interface CrossPackIndexOptions {
  /** A multi-pack-index is written when more packs than this are in none. */
  readonly packsMax: number;
  /** Milliseconds for one run of git. */
  readonly timeoutMs: number;
}

/** What writes them. */
export interface CrossPackIndexModules {
  readonly log: Logger;
  readonly git: GitRunner;
  readonly stopping: AbortSignal;
}

/** The multi-pack-index of a repository, a path below its folder. */
export const multiPackIndexFile = 'objects/pack/multi-pack-index';

/**
 * One index over many packs, so that git searches one file in place of each pack's own. It names
 * the one pack in which git looks for an object: when that pack is gone git says that the object is
 * missing, though another listed pack has it. Therefore it covers listed packs only, and goes before
 * the first of its packs does, and whenever a file of the repository is doubted. The same holds for
 * everything else that speaks of more than one pack: commit-graphs and bitmaps over several packs
 * are never written here, and deleted where somebody left one. A pack's own .bitmap and .rev speak
 * of that pack alone and go with it.
 */
export class CrossPackIndex {
  readonly #options: CrossPackIndexOptions;
  readonly #modules: CrossPackIndexModules;

  constructor(options: CrossPackIndexOptions, modules: CrossPackIndexModules) {
    this.#options = options;
    this.#modules = modules;
  }

  /** Starts to write one when enough packs are in none. The result is for whoever waits for the end; it never rejects. */
  consider(state: RepositoryState): Promise<void> | undefined {
    const { packsMax } = this.#options;
    const isBusy = state.indexing !== undefined || state.alone !== undefined;
    if (isBusy || this.#modules.stopping.aborted) return undefined;
    const names = [...state.listed];
    const outside = names.filter((name) => state.indexed?.has(name) !== true);
    if (outside.length <= packsMax) return undefined;
    const cancel = new AbortController();
    const release = state.hold();
    const done = this.#write(state, names, cancel.signal).finally(() => {
      state.indexing = undefined;
      release();
    });
    state.indexing = { cancel, done };
    return done;
  }

  /** Deletes it, and what else speaks of more than one pack. Processes that have it open keep it. */
  async drop(state: RepositoryState): Promise<void> {
    state.indexing?.cancel.abort(new Error('the multi-pack-index is not wanted any more'));
    await state.indexing?.done;
    state.indexed = undefined;
    state.record.forget([multiPackIndexFile]);
    const packs = join(state.path, 'objects', 'pack');
    const files = await readdir(packs).catch(noEntries);
    const indexes = files.filter((file) => file.startsWith('multi-pack-index')).map((file) => join(packs, file));
    const info = join(state.path, 'objects', 'info');
    for (const path of [...indexes, join(info, 'commit-graph'), join(info, 'commit-graphs')]) {
      await rm(path, { force: true, recursive: true });
    }
  }

  async #write(state: RepositoryState, names: readonly string[], signal: AbortSignal): Promise<void> {
    const { git, log, stopping } = this.#modules;
    try {
      await git.run({
        args: ['multi-pack-index', 'write', '--no-progress', '--stdin-packs'],
        gitDir: state.path,
        input: [Buffer.from(names.map((name) => `pack-${name}.idx\n`).join(''))],
        fairKey: state.id,
        timeoutMs: this.#options.timeoutMs,
        signal: AbortSignal.any([signal, stopping]),
      });
      state.indexed = new Set(names);
      await state.record.note([multiPackIndexFile]);
      log.debug({ repoId: state.id, packs: names.length }, 'wrote a multi-pack-index');
    } catch (error) {
      // Git works without it; the next update that brings packs tries again.
      const aborted = signal.aborted || stopping.aborted;
      if (!aborted) log.warn({ repoId: state.id, reason: explain(error) }, 'multi-pack-index not written');
    }
  }
}

function noEntries(error: unknown): string[] {
  if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR') return [];
  throw error;
}
