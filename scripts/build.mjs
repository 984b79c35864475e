// Bundles src/main.ts with everything that it needs into dist/.
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { bundle, root } from './bundle/bundle.mjs';

const started = performance.now();
try {
  await bundle(join(root, 'src', 'main.ts'), join(root, 'dist'));
} catch (error) {
  // esbuild has shown its own errors with their place already.
  if (error.errors === undefined) console.error(`build: ${error.message}`);
  process.exit(1);
}
const megabytes = statSync(join(root, 'dist', 'stratum.mjs')).size / 1e6;
console.log(`dist/stratum.mjs: ${megabytes.toFixed(1)} MB, in ${Math.round(performance.now() - started)} ms`);
