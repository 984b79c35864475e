import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const root = join(import.meta.dirname, '..', '..');

/** A program of this folder, bundled as the packed binary is: it starts in half the time that its sources take. */
export interface BundledProgram {
  /** Path of the file that node runs. */
  readonly file: string;
  remove(): Promise<void>;
}

/** Bundles a file of this folder, for this process alone. */
export async function bundledProgram(name: string): Promise<BundledProgram> {
  const folder = join(root, 'node_modules', '.cache', `stratum-chaos-${process.pid}-${name}`);
  const { bundle } = await import(pathToFileURL(join(root, 'scripts', 'bundle', 'bundle.mjs')).href);
  await bundle(join(import.meta.dirname, name), folder);
  return { file: join(folder, 'stratum.mjs'), remove: () => rm(folder, { recursive: true, force: true }) };
}
