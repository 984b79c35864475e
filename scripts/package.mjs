// Packs dist/, the project's own Node, and etcd where this machine has one into one executable, out/stratum. Nothing is
// downloaded, and nothing is done when no input has changed.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  accessSync,
  constants,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const dist = join(root, 'dist');
const out = join(root, 'out');
const binary = join(out, 'stratum');
const stamp = join(out, 'stratum.stamp');
const platform = `${process.platform}-${process.arch}`;
const nodeBinary = join(root, 'node_modules', 'node', 'bin', 'node');
const versionOf = (name) => JSON.parse(readFileSync(join(root, 'node_modules', name, 'package.json'), 'utf8')).version;
const nodeVersion = versionOf('node');

const started = performance.now();
if (platform !== 'linux-x64') fail(`packing is known to work on linux-x64 alone, and this is ${platform}`);
if (!existsSync(join(dist, 'stratum.mjs'))) fail('dist/stratum.mjs is not there; run npm run build');

const files = readdirSync(dist).filter((name) => !name.endsWith('.map'));
const etcd = etcdOnPath();
const inputs = fingerprint();
if (existsSync(binary) && existsSync(stamp) && readFileSync(stamp, 'utf8') === inputs) {
  console.log('out/stratum: nothing has changed');
} else {
  pack();
  const megabytes = statSync(binary).size / 1e6;
  const content = etcd === undefined ? 'without etcd, of which none is on PATH' : 'with etcd';
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`out/stratum: ${megabytes.toFixed(0)} MB, ${content}, in ${seconds} s`);
}

function pack() {
  const stage = join(out, 'stage');
  const fresh = join(out, 'stratum.new');
  rmSync(stage, { recursive: true, force: true });
  mkdirSync(stage, { recursive: true });
  for (const name of files) copyFileSync(join(dist, name), join(stage, name));
  // src/consensus/etcd/packed-etcd-binary.ts looks for this name.
  if (etcd !== undefined) copyFileSync(etcd, join(stage, 'etcd'));
  const assets = etcd === undefined ? files : [...files, 'etcd'];
  const manifest = { name: 'stratum', type: 'module', bin: 'stratum.mjs', pkg: { assets } };
  writeFileSync(join(stage, 'package.json'), JSON.stringify(manifest));
  prepareNode();
  const target = `node${nodeVersion}-${platform}`;
  const pkg = join(root, 'node_modules', '.bin', 'pkg');
  // HOME is where pkg keeps its cache; the user's own is left alone.
  run(nodeBinary, [pkg, '--sea', join(stage, 'package.json'), '--targets', target, '--output', fresh], { HOME: out });
  run(fresh, ['version'], {});
  // A rename: a process that still runs the old file keeps it.
  renameSync(fresh, binary);
  writeFileSync(stamp, inputs);
  rmSync(stage, { recursive: true, force: true });
}

/**
 * Lays out pkg's cache as it is after a download: the archive, which pkg does not open once it is unpacked, the
 * unpacked binary, and a mark beside each that it is complete. Without its symbols, where the machine has binutils,
 * the binary is 33 MB smaller.
 */
function prepareNode() {
  const cache = join(out, '.pkg-cache', 'sea');
  const name = `node-v${nodeVersion}-${platform}`;
  const copy = join(cache, name, 'bin', 'node');
  mkdirSync(dirname(copy), { recursive: true });
  rmSync(copy, { force: true });
  const { status } = spawnSync('strip', ['-o', copy, nodeBinary], { stdio: 'ignore' });
  if (status !== 0) {
    rmSync(copy, { force: true });
    symlinkSync(nodeBinary, copy);
  }
  for (const mark of [`${copy}.ok`, join(cache, `${name}.tar.gz`), join(cache, `${name}.tar.gz.ok`)]) {
    writeFileSync(mark, '');
  }
}

/** The etcd of the build machine, if it is one that stratum accepts (src/consensus/etcd/etcd-binary.ts). */
function etcdOnPath() {
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    const path = join(folder, 'etcd');
    try {
      accessSync(path, constants.X_OK);
    } catch {
      continue;
    }
    const { stdout } = spawnSync(path, ['--version'], { encoding: 'utf8', timeout: 10_000, env: { PATH: '' } });
    const [, major, minor] = /^etcd Version: (\d+)\.(\d+)\./m.exec(stdout ?? '') ?? [];
    if (Number(major) > 3 || (Number(major) === 3 && Number(minor) >= 4)) return path;
    console.log(`package: ${path} is not etcd 3.4 or later, and is left out`);
    return undefined;
  }
  return undefined;
}

function fingerprint() {
  const hash = createHash('sha256');
  hash.update(`${nodeVersion} ${versionOf('@yao-pkg/pkg')} ${platform}\n`);
  for (const file of [...files.map((name) => join(dist, name)), fileURLToPath(import.meta.url)]) {
    hash.update(`${file.slice(root.length)}\n`).update(createHash('sha256').update(readFileSync(file)).digest());
  }
  if (etcd !== undefined) hash.update('etcd\n').update(createHash('sha256').update(readFileSync(etcd)).digest());
  return hash.digest('hex');
}

function run(command, args, env) {
  const result = spawnSync(command, args, { cwd: root, env: { ...process.env, ...env }, encoding: 'utf8' });
  if (result.status !== 0) {
    fail(`${command} ${args.join(' ')}: ${result.error?.message ?? `${result.stdout}${result.stderr}`}`);
  }
}

function fail(message) {
  console.error(`package: ${message}`);
  process.exit(1);
}
