import { resolve } from 'node:path';
import { StratumError } from '../../base/errors.ts';
import type { ContextFile } from '../contexts.ts';
import { clusterFolder } from '../folders.ts';
import { readClusterFile } from './cluster-file.ts';

/** Name of a local cluster unless something says otherwise; also the name of its context. */
const defaultClusterName = 'local';

/** Which local cluster a command means. */
export interface ClusterLocation {
  readonly name: string;
  readonly folder: string;
}

/** The flags that say which. */
export interface LocationFlags {
  readonly name?: string | undefined;
  readonly 'data-dir'?: string | undefined;
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The cluster to bring up. Its folder: --data-dir, STRATUM_DATA_DIR, that of the context of its
 * name, the platform's. Its name: --name, the one that it has already, "local".
 */
export async function newClusterLocation(
  flags: LocationFlags,
  env: Environment,
  file: ContextFile,
): Promise<ClusterLocation> {
  const name = checkName(flags.name ?? defaultClusterName);
  const folder = folderOf(name, flags, env, file);
  if (flags.name !== undefined) return { name, folder };
  return { name: (await readClusterFile(folder))?.name ?? name, folder };
}

/**
 * The cluster that runs, or did: by --data-dir, by --name, else that of the current context if it
 * is a local one, else the default.
 */
export async function knownClusterLocation(
  flags: LocationFlags,
  env: Environment,
  file: ContextFile,
): Promise<ClusterLocation> {
  const current = env.STRATUM_CONTEXT || file.current;
  const isLocal = file.contexts.some(({ name, dataDir }) => name === current && dataDir !== undefined);
  const name = checkName(flags.name ?? (isLocal && current !== undefined ? current : defaultClusterName));
  const folder = folderOf(name, flags, env, file);
  return { name: (await readClusterFile(folder))?.name ?? name, folder };
}

function folderOf(name: string, flags: LocationFlags, env: Environment, file: ContextFile): string {
  const given = flags['data-dir'] ?? env.STRATUM_DATA_DIR;
  if (given) return resolve(given);
  return file.contexts.find((context) => context.name === name)?.dataDir ?? clusterFolder(env, name);
}

function checkName(name: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/.test(name)) return name;
  const expected = '1 to 63 characters of A-Z a-z 0-9 . _ -, a letter or digit first';
  const details = { field: '--name', reason: 'not a name', expected };
  throw new StratumError('INVALID_ARGUMENT', `--name: "${name}" cannot name a cluster`, details, {
    hint: `expected ${expected}`,
  });
}
