// Takes the place of lmdb's own search for its native addon in the bundle. lmdb.node lies beside the bundle: in
// dist it is loaded as it is. In the packed binary it is not a real file, and dlopen needs one, so each process
// writes itself a private copy, loads it and deletes it. A shared cache would save 3 ms and would let eight
// processes that start at once overwrite what another has mapped.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { isSea } from 'node:sea';
import { fileURLToPath } from 'node:url';

/** The exports of lmdb's native addon. */
export default function loadLmdbAddon() {
  const file = fileURLToPath(new URL('./lmdb.node', import.meta.url));
  return isSea() ? loadCopy(readFileSync(file)) : load(file);
}

function load(file) {
  const module = { exports: {} };
  process.dlopen(module, file);
  return module.exports;
}

function loadCopy(content) {
  const failures = [];
  // The second place is for machines whose temporary folder is mounted noexec or full.
  for (const parent of [tmpdir(), join(homedir(), '.cache')]) {
    let folder;
    try {
      mkdirSync(parent, { recursive: true });
      folder = mkdtempSync(join(parent, 'stratum-'));
      const file = join(folder, 'lmdb.node');
      writeFileSync(file, content, { mode: 0o700 });
      return load(file);
    } catch (error) {
      failures.push(error);
    } finally {
      if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
    }
  }
  const reasons = failures.map((error) => error.message).join('; ');
  throw new AggregateError(failures, `cannot load the storage engine: ${reasons}. Set TMPDIR to a writable folder`);
}
