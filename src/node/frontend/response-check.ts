import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import pLimit from 'p-limit';
import { explain } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import { feed, type GitRunner } from '../../git/git-runner.ts';
import type { ObjectFormat } from '../../git/object-id.ts';
import { packOfResponse } from '../../git/pack-of-response.ts';
import { createBareRepository } from './bare-repository.ts';
import type { PackCache } from './pack-cache/pack-cache.ts';

/** Values of the check. */
export interface ResponseCheckOptions {
  /** Folder for the empty repositories that git wants to stand in. */
  readonly folder: string;
  /** Milliseconds for one check. */
  readonly timeoutMs: number;
}

/** What the check works with. */
export interface ResponseCheckModules {
  readonly log: Logger;
  readonly git: GitRunner;
  readonly packs: Pick<PackCache, 'read' | 'drop'>;
  /** Aborts when the frontend stops. */
  readonly stopping: AbortSignal;
}

/** How git ends for a pack that it cannot unpack: it exits, or dies. */
const refusals = [1, 128];

/** Responses that may wait for their check; more stay unchecked, and are not told of to others. */
const waitingMax = 64;

/**
 * Looks at every object of a stored response, once and in the background. git copies what is packed already without a
 * look: a bit that rotted in a cached pack would be in every response made of it, under a checksum that fits, and be
 * handed on to other frontends. A response that is not sound is dropped.
 */
export class ResponseCheck {
  readonly #options: ResponseCheckOptions;
  readonly #modules: ResponseCheckModules;
  readonly #one = pLimit(1);

  constructor(options: ResponseCheckOptions, modules: ResponseCheckModules) {
    this.#options = options;
    this.#modules = modules;
  }

  /** Whether the response is sound; 'unknown' when there was no time for it or the frontend stops. Never rejects. */
  async run(key: string, format: ObjectFormat): Promise<'sound' | 'damaged' | 'unknown'> {
    if (this.#one.pendingCount >= waitingMax) return 'unknown';
    return await this.#one(() => this.#check(key, format));
  }

  /** Resolves when nothing is being checked. */
  get idle(): Promise<void> {
    return this.#one(() => undefined);
  }

  async #check(key: string, format: ObjectFormat): Promise<'sound' | 'damaged' | 'unknown'> {
    const { packs, log, stopping } = this.#modules;
    if (stopping.aborted) return 'unknown';
    try {
      if (await this.#unpacks(packOfResponse(packs.read(key)), format)) return 'sound';
      log.error({ key }, 'a stored response is damaged: dropped');
      await packs.drop(key);
      return 'damaged';
    } catch (error) {
      log.debug({ key, reason: explain(error) }, 'stored response not checked');
      return 'unknown';
    }
  }

  /** Whether git can unpack it; rejects when that cannot be said. */
  async #unpacks(pack: AsyncGenerator<Buffer, void, undefined>, format: ObjectFormat): Promise<boolean> {
    const { git, stopping } = this.#modules;
    const { folder, timeoutMs } = this.#options;
    const first = await pack.next();
    if (first.done === true) return true; // It only negotiates.
    const gitDir = join(folder, `${format}.git`);
    // Each time: the cache's folders may be deleted while it runs.
    await createBareRepository(gitDir, format);
    const child = await git.start({
      // A dry run writes nothing and keeps nothing, but unpacks every object and compares the checksum at the end.
      args: ['unpack-objects', '-n', '-q'],
      gitDir,
      isPaced: true,
      isBackground: true,
      answerCodes: refusals,
      timeoutMs,
      signal: stopping,
    });
    child.stdout.resume();
    const fed = feed(child.stdin, resumed(first.value, pack)).catch((error: unknown) => child.kill(error));
    const code = await child.done;
    await fed;
    // Without its folder git refuses everything.
    if (code !== 0) await stat(join(gitDir, 'HEAD'));
    return code === 0;
  }
}

async function* resumed(
  first: Buffer,
  rest: AsyncGenerator<Buffer, void, undefined>,
): AsyncGenerator<Buffer, void, undefined> {
  yield first;
  yield* rest;
}
