import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { access, mkdir, readdir, rm, stat } from 'node:fs/promises';
import { delimiter, join, resolve } from 'node:path';
import type { Clock } from '../../base/clock.ts';
import { withDeadline } from '../../base/deadline.ts';
import { explain, StratumError, systemCode } from '../../base/errors.ts';
import { writeFileDurably } from '../../store/durable-file.ts';

/** Where an etcd program is looked for. */
export interface EtcdSearch {
  /** A path, or a name to be found on the search path; undefined: the packed one, else "etcd". */
  readonly setting: string | undefined;
  /** As the variable PATH has it. */
  readonly searchPath: string;
}

/** What the search is given. */
export interface EtcdBinaryModules {
  readonly clock: Clock;
  /** The program that is packed into this one (packed-etcd-binary.ts). */
  readonly packed: () => Buffer | undefined;
}

/** The first version with pre-vote on which moves of leadership and restarts are quiet; Debian 12 has it. */
const versionMin = { major: 3, minor: 4 };

/** A program that prints its version and takes longer hangs. */
const versionTimeoutMs = 5_000;

/** More than the four lines that etcd prints. */
const versionBytesMax = 64 * 1024;

/** Hex digits of the content's hash in the name of an unpacked program. */
const hashDigits = 16;

const namePrefix = 'etcd-';

/** For the owner alone, who may run it. */
const ownerRuns = 0o700;

/**
 * The path of an etcd program that can be run: the given one, the packed one (unpacked into `folder`
 * once), or the one on the search path. ETCD_MISSING when there is none; ETCD_FAILED when it cannot
 * be run, or is older than 3.4.
 */
export async function prepareEtcd(
  search: EtcdSearch & { readonly folder: string },
  modules: EtcdBinaryModules,
): Promise<string> {
  const found = await findEtcd(search, modules);
  const path = typeof found === 'string' ? found : await unpack(found, search.folder);
  await checkVersion(path, search.searchPath, modules.clock);
  return path;
}

/** Rejects like {@link prepareEtcd} when there will be no etcd to run; nothing is unpacked. */
export async function refuseMissingEtcd(search: EtcdSearch, modules: EtcdBinaryModules): Promise<void> {
  const found = await findEtcd(search, modules);
  // The packed one was tried when it was packed.
  if (typeof found === 'string') await checkVersion(found, search.searchPath, modules.clock);
}

/** The path of the program, or the content of the packed one. */
async function findEtcd({ setting, searchPath }: EtcdSearch, modules: EtcdBinaryModules): Promise<string | Buffer> {
  if (setting === undefined) {
    const packed = modules.packed();
    if (packed !== undefined) return packed;
  }
  const name = setting ?? 'etcd';
  const folders = searchPath.split(delimiter).filter((folder) => folder !== '');
  const candidates = name.includes('/') ? [resolve(name)] : folders.map((folder) => join(folder, name));
  for (const candidate of candidates) if (await isProgram(candidate)) return candidate;
  const where = setting === undefined ? 'there is no etcd on PATH' : `there is no etcd program ${setting}`;
  throw new StratumError('ETCD_MISSING', where, undefined, {
    hint: 'install it (Debian, Ubuntu: apt-get install etcd-server), or name it with --etcd-binary',
  });
}

async function isProgram(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    return false; // Whatever the reason is, it cannot be run from there.
  }
}

/** Puts the packed program into a folder, whole or not at all, and takes away those of earlier builds. */
async function unpack(content: Buffer, folder: string): Promise<string> {
  const name = namePrefix + createHash('sha256').update(content).digest('hex').slice(0, hashDigits);
  const path = join(folder, name);
  try {
    await mkdir(folder, { recursive: true });
    if (!(await isWhole(path, content.length))) await writeFileDurably(path, content, ownerRuns);
    const stale = (await readdir(folder)).filter((each) => each.startsWith(namePrefix) && each !== name);
    for (const each of stale) await rm(join(folder, each), { force: true });
  } catch (error) {
    throw new StratumError('ETCD_FAILED', `etcd cannot be unpacked into ${folder}: ${explain(error)}`, undefined, {
      hint: 'make room for it, or name an installed one with --etcd-binary',
      cause: error,
    });
  }
  return path;
}

async function isWhole(path: string, bytes: number): Promise<boolean> {
  try {
    return (await stat(path)).size === bytes;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return false;
    throw error;
  }
}

async function checkVersion(path: string, searchPath: string, clock: Clock): Promise<void> {
  const what = `"${path} --version"`;
  let text: string;
  try {
    text = await withDeadline(clock, what, versionTimeoutMs, (signal) => versionText(path, searchPath, signal));
  } catch (error) {
    throw new StratumError('ETCD_FAILED', `${what}: ${explain(error)}`, undefined, {
      hint: 'name another etcd with --etcd-binary',
      cause: error,
    });
  }
  const [, major, minor] = /^etcd Version: (\d+)\.(\d+)\./m.exec(text) ?? [];
  const { major: majorMin, minor: minorMin } = versionMin;
  const isNewer = Number(major) > majorMin || (Number(major) === majorMin && Number(minor) >= minorMin);
  if (isNewer) return;
  const [first = 'nothing'] = text.split('\n');
  const message = `${path} is not etcd ${majorMin}.${minorMin} or later: it answers "${first}"`;
  throw new StratumError('ETCD_FAILED', message, undefined, {
    hint: 'install a later one, or name another with --etcd-binary',
  });
}

function versionText(path: string, searchPath: string, signal: AbortSignal): Promise<string> {
  const { promise, resolve: done, reject } = Promise.withResolvers<string>();
  // The standard input of a child is a pipe otherwise, which a program might wait for.
  const options = {
    env: etcdEnvironment(searchPath),
    signal,
    killSignal: 'SIGKILL' as const,
    maxBuffer: versionBytesMax,
  };
  const child = execFile(path, ['--version'], options, (error, stdout) => {
    if (error === null) done(stdout);
    else reject(error);
  });
  child.stdin?.end();
  return promise;
}

/**
 * The whole environment of an etcd process: none of the variables that etcd would take for settings,
 * and no proxy between members. A new object each time, for the packed program's spawn writes into it.
 */
export function etcdEnvironment(searchPath: string): Record<string, string> {
  // etcd 3.4 runs on ARM only when it is told that this is known.
  const arm = process.arch === 'arm64' ? { ETCD_UNSUPPORTED_ARCH: 'arm64' } : {};
  return { PATH: searchPath, ...arm };
}
