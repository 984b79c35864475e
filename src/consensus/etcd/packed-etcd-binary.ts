import { existsSync, readFileSync } from 'node:fs';
import { isSea } from 'node:sea';
import { fileURLToPath } from 'node:url';

/**
 * The etcd program that scripts/package.mjs has put beside the bundle; undefined when the binary was
 * built on a machine without one, and in a run that is not of the packed binary.
 */
export function packedEtcd(): Buffer | undefined {
  if (!isSea()) return undefined;
  // A path and not a URL: pkg's file system knows no others.
  const path = fileURLToPath(new URL('./etcd', import.meta.url));
  return existsSync(path) ? readFileSync(path) : undefined;
}
