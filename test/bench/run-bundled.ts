import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';

/**
 * Bundles files of this folder and runs the first one; gives its exit code. Bundled, because node runs
 * no TypeScript enums, which the generated code has; below node_modules, so that packages are found.
 */
export async function runBundled(area: string, ...names: readonly string[]): Promise<number> {
  const outdir = join(import.meta.dirname, `../../node_modules/.cache/stratum-bench-${area}`);
  try {
    await build({
      entryPoints: names.map((name) => join(import.meta.dirname, `${name}.ts`)),
      outdir,
      outExtension: { '.js': '.mjs' },
      bundle: true,
      packages: 'external',
      platform: 'node',
      format: 'esm',
      target: 'es2024',
    });
    return spawnSync(process.execPath, [join(outdir, `${names[0]}.mjs`)], { stdio: 'inherit' }).status ?? 1;
  } finally {
    rmSync(outdir, { recursive: true, force: true });
  }
}
