// How fast one large blob and many small ones go into an object node and out of it, and the memory that takes.

import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';

// Node runs no TypeScript enums, which the generated code has. Below node_modules, so that packages are found from there.
const outdir = join(import.meta.dirname, '../../node_modules/.cache/stratum-bench-blobs');
try {
  await build({
    entryPoints: ['blob-traffic.ts', 'object-process.ts'].map((name) => join(import.meta.dirname, name)),
    outdir,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    target: 'es2024',
  });
  process.exitCode = spawnSync(process.execPath, [join(outdir, 'blob-traffic.mjs')], { stdio: 'inherit' }).status ?? 1;
} finally {
  rmSync(outdir, { recursive: true, force: true });
}
