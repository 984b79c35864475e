// What a thousand nodes cost one leader: its processor time and store writes at rest, and how soon all see a change; beside etcd itself.

import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';

// As in blobs.ts: node runs no TypeScript enums, and packages are found from below node_modules.
const outdir = join(import.meta.dirname, '../../node_modules/.cache/stratum-bench-coordinator');
try {
  await build({
    entryPoints: [join(import.meta.dirname, 'coordinator-traffic.ts')],
    outdir,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    target: 'es2024',
  });
  process.exitCode =
    spawnSync(process.execPath, [join(outdir, 'coordinator-traffic.mjs')], { stdio: 'inherit' }).status ?? 1;
} finally {
  rmSync(outdir, { recursive: true, force: true });
}
