// `npm run sim -- <area>`: runs test/sim/<area>.ts, which plays many seeded schedules of a simulation.
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = join(dirname(dirname(fileURLToPath(import.meta.url))), 'test', 'sim');
// As for benchmarks: an area is a file that says in its first line what it does.
const areas = readdirSync(folder)
  .filter((name) => name.endsWith('.ts') && readFileSync(join(folder, name), 'utf8').startsWith('// '))
  .map((name) => name.slice(0, -'.ts'.length));
const [area] = process.argv.slice(2);
if (area === undefined || !areas.includes(area)) {
  console.error(`usage: npm run sim -- <area>; areas: ${areas.join(', ')}`);
  process.exit(2);
}
process.exit(spawnSync(process.execPath, [join(folder, `${area}.ts`)], { stdio: 'inherit' }).status ?? 1);
