// `node scripts/complete-lock.mjs`, after npm install: adds to package-lock.json the optional packages for other
// platforms that the registry at hand did not have. npm leaves those out, and npm ci then refuses the lock file.
// An entry says version, system and processor: enough for npm ci to skip it here and to fetch it where it fits.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const systems = ['android', 'darwin', 'freebsd', 'netbsd', 'openbsd', 'openharmony', 'sunos', 'aix', 'win32', 'linux'];
const processors = ['arm64', 'x64', 'ia32', 'arm', 'ppc64', 's390x', 'riscv64', 'loong64', 'mips64el'];
const otherNames = { armv7: 'arm', aarch64: 'arm64' };

/** Optional packages that the lock file wants and does not describe: name, version, and whether for development. */
export function missingOptionals(packages) {
  return Object.entries(packages).flatMap(([place, { optionalDependencies = {}, dev = false }]) =>
    Object.entries(optionalDependencies)
      .filter(([name]) => !places(place).some((parent) => packages[`${parent}node_modules/${name}`] !== undefined))
      .map(([name, version]) => ({ name, version, dev })),
  );
}

/** The folders whose node_modules a package at `place` looks into. */
function places(place) {
  const ends = [...place.matchAll(/\/(?=node_modules\/)/g)].map(({ index }) => index);
  return [`${place}/`, ...ends.map((end) => `${place.slice(0, end)}/`), ''];
}

function entry({ name, version, dev }) {
  const words = name.replace(/^.*\//, '').split('-');
  const os = systems.find((system) => words.includes(system));
  const cpu = words.map((word) => otherNames[word] ?? word).find((word) => processors.includes(word));
  if (os === undefined || cpu === undefined || !/^\d+\.\d+\.\d+$/.test(version)) {
    throw new Error(`cannot tell from ${name}@${version} for which platform it is`);
  }
  const [libc] = words.flatMap((word) => (/^musl/.test(word) ? ['musl'] : /^gnu/.test(word) ? ['glibc'] : []));
  const extra = { ...(dev ? { dev } : {}), ...(libc === undefined || os !== 'linux' ? {} : { libc: [libc] }) };
  return { version, cpu: [cpu], ...extra, optional: true, os: [os] };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const file = fileURLToPath(new URL('../package-lock.json', import.meta.url));
  const lock = JSON.parse(readFileSync(file, 'utf8'));
  const missing = missingOptionals(lock.packages);
  for (const each of missing) lock.packages[`node_modules/${each.name}`] = entry(each);
  const sorted = Object.entries(lock.packages).sort(([one], [other]) => one.localeCompare(other, 'en'));
  writeFileSync(file, `${JSON.stringify({ ...lock, packages: Object.fromEntries(sorted) }, null, 2)}\n`);
  console.log(`package-lock.json: ${missing.length} packages for other platforms added`);
}
