import { join } from 'node:path';
import pLimit from 'p-limit';
import { explain, hasCode } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { GitRunner } from '../../git/git-runner.ts';
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
  readonly #repositories = new Map<ObjectFormat, Promise<string>>();

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
    const { git, packs, log, stopping } = this.#modules;
    if (stopping.aborted) return 'unknown';
    const pack = packOfResponse(packs.read(key));
    try {
      const first = await pack.next();
      if (first.done === true) return 'sound'; // It only negotiates.
      await git.run({
        // A dry run writes nothing and keeps nothing, but unpacks every object and compares the checksum at the end.
        args: ['unpack-objects', '-n', '-q'],
        gitDir: await this.#repository(format),
        input: resumed(first.value, pack),
        isPaced: true,
        isBackground: true,
        timeoutMs: this.#options.timeoutMs,
        signal: stopping,
      });
      return 'sound';
    } catch (error) {
      if (!hasCode(error, 'GIT_FAILED')) {
        log.debug({ key, reason: explain(error) }, 'stored response not checked');
        return 'unknown';
      }
      log.error({ key, reason: explain(error) }, 'a stored response is damaged: dropped');
      await packs.drop(key);
      return 'damaged';
    }
  }

  #repository(format: ObjectFormat): Promise<string> {
    const path = join(this.#options.folder, `${format}.git`);
    const made = this.#repositories.get(format) ?? createBareRepository(path, format).then(() => path);
    this.#repositories.set(format, made);
    made.catch(() => this.#repositories.delete(format));
    return made;
  }
}

async function* resumed(
  first: Buffer,
  rest: AsyncGenerator<Buffer, void, undefined>,
): AsyncGenerator<Buffer, void, undefined> {
  yield first;
  yield* rest;
}
