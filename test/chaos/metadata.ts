// Kills, stops, cuts off and restarts the primary of the partition that eight git clients and eight others push to, for DURATION_S (60) seconds: nothing acknowledged is lost.

import { spawnSync } from 'node:child_process';
import { bundledProgram } from './bundled-program.ts';

// Node runs no TypeScript enums, which the generated code has. The cluster is the packed binary, or STRATUM_BIN.
const run = await bundledProgram('metadata-run.ts');
try {
  process.exitCode = spawnSync(process.execPath, [run.file], { stdio: 'inherit' }).status ?? 1;
} finally {
  await run.remove();
}
