// `npm run bench -- <area>`: runs test/bench/<area>.ts against the packed binary.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = join(dirname(dirname(fileURLToPath(import.meta.url))), 'test', 'bench');
// An area is a file that says in its first line what it measures; the others are what areas are built from.
const areas = readdirSync(folder)
  .filter((name) => name.endsWith('.ts') && readFileSync(join(folder, name), 'utf8').startsWith('// '))
  .map((name) => name.slice(0, -'.ts'.length));
const [area] = process.argv.slice(2);
if (area === undefined || !existsSync(join(folder, `${area}.ts`))) {
  console.error(`usage: npm run bench -- <area>; areas: ${areas.join(', ')}`);
  process.exit(2);
}
process.exit(spawnSync(process.execPath, [join(folder, `${area}.ts`)], { stdio: 'inherit' }).status ?? 1);
