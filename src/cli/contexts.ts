import { join } from 'node:path';
import { StratumError, systemCode } from '../base/errors.ts';
import { nearest } from './nearest.ts';
import { withoutSignalListeners } from './process-signals.ts';

/** How to reach a cluster, under a name. */
export interface Context {
  readonly name: string;
  /** host:port of its coordinators. */
  readonly coordinators: readonly string[];
  /** Base URLs for git. */
  readonly gitUrls?: readonly string[];
  /** Folder of a local cluster that `stratum cluster up` made. */
  readonly dataDir?: string;
}

/** Settings of the config file; text as it would stand behind the flag. */
export interface FileSettings {
  readonly coordinators?: readonly string[];
  readonly timeout?: string;
  readonly output?: string;
}

/** The content of the config file. */
export interface ContextFile {
  readonly path: string;
  readonly current: string | undefined;
  readonly contexts: readonly Context[];
  readonly settings: FileSettings;
}

interface Stored extends Record<string, unknown> {
  current?: string;
  contexts?: Record<string, Omit<Context, 'name'>>;
  settings?: FileSettings;
}

/** The contexts of this user, in config.json of `folder`. Writes replace the file as a whole. */
export class ContextStore {
  readonly #folder: string;

  constructor(options: { readonly folder: string }) {
    this.#folder = options.folder;
  }

  /** Where the contexts are kept. */
  get path(): string {
    return join(this.#folder, 'config.json');
  }

  /** CONFIG_INVALID when the file cannot be read. */
  async read(): Promise<ContextFile> {
    const { store } = await this.#open();
    const contexts = Object.entries(store.contexts ?? {})
      .map(([name, context]) => ({ ...context, name, coordinators: context.coordinators ?? [] }))
      .toSorted((a, b) => (a.name < b.name ? -1 : 1));
    return { path: this.path, current: store.current, contexts, settings: store.settings ?? {} };
  }

  /** Adds or replaces a context; the first one, and one with `makeCurrent`, becomes the current one. */
  async set(context: Context, options: { readonly makeCurrent: boolean }): Promise<void> {
    checkName(context.name);
    const { name, ...rest } = context;
    await this.#change((stored) => ({
      ...stored,
      contexts: { ...stored.contexts, [name]: rest },
      ...(options.makeCurrent || stored.current === undefined ? { current: name } : {}),
    }));
  }

  /** Makes a context the current one; CONTEXT_NOT_FOUND. */
  async use(name: string): Promise<void> {
    const { contexts } = await this.read();
    if (!contexts.some((context) => context.name === name)) throw unknownContext(name, contexts);
    await this.#change((stored) => ({ ...stored, current: name }));
  }

  /** Removes a context; false when there was none. */
  async delete(name: string): Promise<boolean> {
    const { contexts } = await this.read();
    if (!contexts.some((context) => context.name === name)) return false;
    await this.#change(({ current, ...stored }) => {
      const { [name]: _removed, ...rest } = stored.contexts ?? {};
      return { ...stored, contexts: rest, ...(current === undefined || current === name ? {} : { current }) };
    });
    return true;
  }

  async #change(change: (stored: Stored) => Stored): Promise<void> {
    const conf = await this.#open();
    try {
      conf.store = change(conf.store);
    } catch (error) {
      throw this.#failure('cannot write', error);
    }
  }

  async #open() {
    const { default: Conf } = await withoutSignalListeners(() => import('conf'));
    try {
      const conf = new Conf<Stored>({ cwd: this.#folder, accessPropertiesByDotNotation: false });
      // Reads the file now, so that a broken one is reported here and not at a later property access.
      const { contexts } = conf.store;
      if (contexts !== undefined && (typeof contexts !== 'object' || contexts === null || Array.isArray(contexts))) {
        throw new TypeError('"contexts" is not a mapping of names');
      }
      return conf;
    } catch (error) {
      throw this.#failure('cannot read', error);
    }
  }

  #failure(what: string, error: unknown): StratumError {
    const reason = error instanceof Error ? error.message : String(error);
    const details = { field: 'config file', reason };
    const hint =
      systemCode(error) === undefined ? `mend or remove ${this.path}` : 'STRATUM_CONFIG_DIR names another folder';
    return new StratumError('CONFIG_INVALID', `${what} ${this.path}: ${reason}`, details, { hint, cause: error });
  }
}

/** The error for a context that nobody configured. */
export function unknownContext(name: string, contexts: readonly Context[]): StratumError<'CONTEXT_NOT_FOUND'> {
  const names = contexts.map((context) => context.name);
  const meant = nearest(name, names);
  const listed = names.length === 0 ? 'no context is configured yet' : `configured: ${names.join(', ')}`;
  return new StratumError(
    'CONTEXT_NOT_FOUND',
    `there is no context "${name}"`,
    { kind: 'context', id: name },
    { hint: meant === undefined ? listed : `did you mean "${meant}"? ${listed}` },
  );
}

function checkName(name: string): void {
  if (/^[A-Za-z0-9._-]{1,64}$/.test(name) && !['__proto__', 'constructor', 'prototype'].includes(name)) return;
  const expected = '1 to 64 characters of A-Z a-z 0-9 . _ -';
  const details = { field: 'context', reason: 'not a name', expected };
  throw new StratumError('INVALID_ARGUMENT', `"${name}" cannot name a context: expected ${expected}`, details);
}
