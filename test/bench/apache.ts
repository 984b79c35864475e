import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, chown, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { takePort } from '../e2e/test-ports.ts';
import { until } from '../e2e/until.ts';

/** Where distributions put the program beside PATH, and its modules. */
const programs = ['apache2', 'httpd'];
const programFolders = ['/usr/sbin', '/usr/local/sbin', '/usr/local/apache2/bin', '/opt/homebrew/bin'];
const moduleFolders = [
  '/usr/lib/apache2/modules',
  '/usr/lib64/httpd/modules',
  '/etc/httpd/modules',
  '/usr/local/apache2/modules',
  '/opt/homebrew/lib/httpd/modules',
];

const startTimeoutMs = 10_000;
const stopTimeoutMs = 10_000;

/** How Apache starts CGI programs: by a daemon, the faster one, or itself, so that it has waited for them and their processor time can be read. */
export type CgiModule = 'cgid' | 'cgi';

/** A running Apache. */
export interface Apache {
  /** As it calls itself. */
  readonly version: string;
  readonly url: string;
  readonly pid: number;
  stop(): Promise<void>;
}

/** The program and the folder of its modules; undefined where there is no Apache with CGI. */
export function findApache(): { program: string; modules: string } | undefined {
  const folders = [...(process.env.PATH ?? '').split(':'), ...programFolders];
  const program = folders.flatMap((folder) => programs.map((name) => join(folder, name))).find(existsSync);
  const modules = moduleFolders.find((folder) => existsSync(join(folder, 'mod_cgid.so')));
  return program === undefined || modules === undefined ? undefined : { program, modules };
}

/**
 * Starts Apache in the foreground before `git http-backend` on all repositories below `projectRoot`, which may be cloned and
 * pushed to.
 */
export async function startApache(
  found: { program: string; modules: string },
  { folder, projectRoot, cgi }: { folder: string; projectRoot: string; cgi: CgiModule },
): Promise<Apache> {
  await mkdir(folder, { recursive: true });
  const port = await takePort();
  const config = join(folder, 'apache.conf');
  await writeFile(config, configuration(found.modules, { folder, projectRoot, cgi, port }));
  const owner = serverOwner();
  if (owner !== undefined) await chown(folder, owner.uid, owner.gid);
  const child = spawn(found.program, ['-f', config, '-DFOREGROUND'], {
    cwd: folder,
    env: { PATH: process.env.PATH },
    stdio: ['ignore', 'inherit', 'inherit'],
    ...owner,
  });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()).once('error', () => resolve()));
  const url = `http://127.0.0.1:${port}`;
  await until('Apache listens', startTimeoutMs, async () => {
    if (child.exitCode !== null)
      throw new Error(await readFile(join(folder, 'error.log'), 'utf8').catch(() => 'Apache ended'));
    return await fetch(url).then(
      () => true,
      () => undefined, // Not yet.
    );
  });
  const version = execFileSync(found.program, ['-v'], { encoding: 'utf8' });
  return {
    version: /Apache\/[\d.]+/.exec(version)?.[0] ?? 'Apache',
    url,
    pid: child.pid ?? 0,
    stop: () => stop(child, ended),
  };
}

async function stop(child: ChildProcess, ended: Promise<void>): Promise<void> {
  child.kill('SIGTERM');
  const late = setTimeout(() => child.kill('SIGKILL'), stopTimeoutMs);
  await ended;
  clearTimeout(late);
}

/** Apache does not serve as root, so whoever runs the benchmark as root runs it as nobody. */
function serverOwner(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const [uid = '65534', gid = '65534'] = ['-u', '-g'].map((flag) =>
    execFileSync('id', [flag, 'nobody'], { encoding: 'utf8' }).trim(),
  );
  return { uid: Number(uid), gid: Number(gid) };
}

/** Makes a repository one that the server may write. */
export async function giveToServer(path: string): Promise<void> {
  const owner = serverOwner();
  if (owner !== undefined) execFileSync('chown', ['-R', `${owner.uid}:${owner.gid}`, path]);
  else await chmod(path, 0o755);
}

function configuration(
  modules: string,
  { folder, projectRoot, cgi, port }: { folder: string; projectRoot: string; cgi: CgiModule; port: number },
): string {
  const backend = join(execFileSync('git', ['--exec-path'], { encoding: 'utf8' }).trim(), 'git-http-backend');
  const names = ['mpm_event', 'authz_core', 'unixd', 'env', 'alias', cgi];
  // Some distributions build a few of them in.
  const load = names
    .filter((name) => existsSync(join(modules, `mod_${name}.so`)))
    .map((name) => `LoadModule ${name}_module ${join(modules, `mod_${name}.so`)}`);
  // What Stratum lets clients ask for too; the repositories belong to others than the server.
  const git = [
    ['http.receivepack', 'true'],
    ['uploadpack.allowFilter', 'true'],
    ['uploadpack.allowAnySHA1InWant', 'true'],
    ['safe.directory', '*'],
  ];
  return [
    ...load,
    `ServerRoot "${folder}"`,
    'ServerName 127.0.0.1',
    `Listen 127.0.0.1:${port}`,
    `PidFile "${join(folder, 'apache.pid')}"`,
    `ErrorLog "${join(folder, 'error.log')}"`,
    `DefaultRuntimeDir "${folder}"`,
    'LogLevel error',
    ...(cgi === 'cgid' ? [`ScriptSock "${join(folder, 'cgid.sock')}"`] : []),
    'Timeout 600',
    'KeepAlive On',
    'MaxKeepAliveRequests 0',
    'KeepAliveTimeout 60',
    // One process of threads, as many as any job here has connections.
    'StartServers 1',
    'ServerLimit 1',
    'ThreadsPerChild 32',
    'ThreadLimit 32',
    'MaxRequestWorkers 32',
    'MinSpareThreads 1',
    'MaxSpareThreads 32',
    `SetEnv GIT_PROJECT_ROOT "${projectRoot}"`,
    'SetEnv GIT_HTTP_EXPORT_ALL 1',
    'SetEnv REMOTE_USER bench',
    'SetEnv GIT_CONFIG_NOSYSTEM 1',
    `SetEnv HOME "${folder}"`,
    `SetEnv GIT_CONFIG_COUNT ${git.length}`,
    ...git.flatMap(([key, value], at) => [
      `SetEnv GIT_CONFIG_KEY_${at} ${key}`,
      `SetEnv GIT_CONFIG_VALUE_${at} ${value}`,
    ]),
    `ScriptAlias "/" "${backend}/"`,
    '<Directory />',
    '  Require all granted',
    '</Directory>',
    '',
  ].join('\n');
}
