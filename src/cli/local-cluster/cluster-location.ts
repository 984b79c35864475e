import { resolve } from 'node:path';
import { StratumError } from '../../base/errors.ts';
import type { ContextFile } from '../contexts.ts';
import { clusterFolder } from '../folders.ts';

/** Name of a local cluster unless --name says otherwise; also the name of its context. */
export const defaultClusterName = 'local';

/** Which local cluster a command means. */
export interface ClusterLocation {
  readonly name: string;
  readonly folder: string;
}

/** The cluster to bring up: --name and --data-dir, each with its default. */
export function newClusterLocation(
  flags: { readonly name?: string | undefined; readonly 'data-dir'?: string | undefined },
  env: Readonly<Record<string, string | undefined>>,
): ClusterLocation {
  const name = flags.name ?? defaultClusterName;
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/.test(name)) {
    const expected = '1 to 63 characters of A-Z a-z 0-9 . _ -, a letter or digit first';
    const details = { field: '--name', reason: 'not a name', expected };
    throw new StratumError('INVALID_ARGUMENT', `--name: "${name}" cannot name a cluster`, details, {
      hint: `expected ${expected}`,
    });
  }
  const folder = flags['data-dir'] ?? env.STRATUM_DATA_DIR;
  return { name, folder: folder ? resolve(folder) : clusterFolder(env, name) };
}

/**
 * The cluster that runs, or did: by --data-dir, by --name, else that of the current context if it
 * is a local one, else the default.
 */
export function knownClusterLocation(
  flags: { readonly name?: string | undefined; readonly 'data-dir'?: string | undefined },
  env: Readonly<Record<string, string | undefined>>,
  file: ContextFile,
): ClusterLocation {
  if (flags['data-dir'] !== undefined || env.STRATUM_DATA_DIR) return newClusterLocation(flags, env);
  const name = flags.name ?? env.STRATUM_CONTEXT ?? file.current;
  const context = file.contexts.find((each) => each.name === name);
  if (context?.dataDir !== undefined) return { name: context.name, folder: context.dataDir };
  return newClusterLocation(flags, env);
}
