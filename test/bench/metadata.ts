// How many pushes a metadata node takes, and how fast it reads and changes the refs of a large repository, over gRPC.

import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';

// As in blobs.ts: node runs no TypeScript enums, and packages are found from below node_modules.
const outdir = join(import.meta.dirname, '../../node_modules/.cache/stratum-bench-metadata');
try {
  await build({
    entryPoints: ['metadata-traffic.ts', 'metadata-process.ts'].map((name) => join(import.meta.dirname, name)),
    outdir,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    target: 'es2024',
  });
  process.exitCode =
    spawnSync(process.execPath, [join(outdir, 'metadata-traffic.mjs')], { stdio: 'inherit' }).status ?? 1;
} finally {
  rmSync(outdir, { recursive: true, force: true });
}
