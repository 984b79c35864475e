// SIGKILL of a random object node at a random moment of writing, ROUNDS times (1,000): nothing acknowledged is lost, nothing is half there.

import { spawnSync } from 'node:child_process';
import { bundledProgram } from './bundled-program.ts';

// Node runs no TypeScript enums, which the generated code has.
const [run, program] = [await bundledProgram('object-run.ts'), await bundledProgram('object-process.ts')];
try {
  process.exitCode = spawnSync(process.execPath, [run.file, program.file], { stdio: 'inherit' }).status ?? 1;
} finally {
  await run.remove();
  await program.remove();
}
