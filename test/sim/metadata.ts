// Plays schedules of the metadata cluster: SEEDS of them (default 1,000) from FIRST (default 1) on with JOBS processes at once (STOP=1 at the first failure), or SEED alone with its trace.
import { spawnSync } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

// Node runs no TypeScript enums, which the generated code has.
const root = join(import.meta.dirname, '..', '..');
const folder = join(root, 'node_modules', '.cache', `stratum-sim-${process.pid}`);
const { bundle } = await import(pathToFileURL(join(root, 'scripts', 'bundle', 'bundle.mjs')).href);
try {
  await bundle(join(import.meta.dirname, 'metadata', 'play-schedules.ts'), folder);
  process.exitCode = spawnSync(process.execPath, [join(folder, 'stratum.mjs')], { stdio: 'inherit' }).status ?? 1;
} finally {
  await rm(folder, { recursive: true, force: true });
}
