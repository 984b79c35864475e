import { createRequire } from 'node:module';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

/** A script of this folder as one file that node runs as it is, put into `folder`. */
export async function bundledChild(script: string, folder: string): Promise<string> {
  const outfile = join(folder, `${basename(script, '.ts')}.cjs`);
  const lmdb = createRequire(import.meta.url).resolve('lmdb');
  await build({
    entryPoints: [fileURLToPath(new URL(`./${script}`, import.meta.url))],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    alias: { lmdb },
    external: [lmdb],
    logLevel: 'error',
  });
  return outfile;
}
