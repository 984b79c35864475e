import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { vi } from 'vitest';
import { systemClock } from '../../../../src/base/clock.ts';
import type { LogFields, Logger } from '../../../../src/base/log.ts';
import { systemRandom } from '../../../../src/base/random.ts';
import { MiB } from '../../../../src/base/units.ts';
import type { MetadataApi } from '../../../../src/client/metadata-api.ts';
import { Frontend } from '../../../../src/node/frontend/frontend.ts';
import type { FrontendOptions } from '../../../../src/node/frontend/frontend-options.ts';
import { MemoryMetadata } from './memory-metadata.ts';
import { MemoryObjects } from './memory-objects.ts';
import { MemorySharedCache } from './memory-shared-cache.ts';

/** A running frontend over services in memory, and a folder for working copies. */
export interface Fixture {
  readonly frontend: Frontend;
  readonly metadata: MemoryMetadata;
  readonly objects: MemoryObjects;
  readonly shared: MemorySharedCache;
  readonly folder: string;
  readonly log: RecordingLog;
  /** The URL of a repository, "owner/name" unless given. */
  url(repo?: string): string;
  /** Stops this frontend and starts another over the same services; `fresh` gives it an empty cache folder. */
  restart(options?: Partial<FrontendOptions> & { readonly fresh?: boolean }): Promise<void>;
  stop(): Promise<void>;
}

/** How git ended. */
export interface GitResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Keeps log lines for a test to look at. */
export class RecordingLog implements Logger {
  readonly lines: { readonly level: string; readonly fields: LogFields; readonly message: string }[] = [];
  debug = (fields: LogFields, message: string) => this.#add('debug', fields, message);
  info = (fields: LogFields, message: string) => this.#add('info', fields, message);
  warn = (fields: LogFields, message: string) => this.#add('warn', fields, message);
  error = (fields: LogFields, message: string) => this.#add('error', fields, message);
  child = () => this;
  #add(level: string, fields: LogFields, message: string): void {
    this.lines.push({ level, fields, message });
  }
}

const environment = {
  PATH: process.env.PATH,
  HOME: '/nonexistent',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_TERMINAL_PROMPT: '0',
  LC_ALL: 'C',
  GIT_AUTHOR_NAME: 'A',
  GIT_AUTHOR_EMAIL: 'a@example.org',
  GIT_COMMITTER_NAME: 'A',
  GIT_COMMITTER_EMAIL: 'a@example.org',
};

/** The settings of a frontend in a test. */
export function frontendOptions(cacheDir: string): FrontendOptions {
  return {
    nodeId: 'front-1',
    host: '127.0.0.1',
    port: 0,
    cacheDir,
    version: 'test',
    createOnPush: true,
    receivePackBytesMax: 64 * MiB,
    gitProcessesMax: 4,
    uploadPackTimeoutMs: 60_000,
    cache: {
      packBytesMax: 256 * MiB,
      packEntryBytesMax: 64 * MiB,
      packMemoryBytesMax: 16 * MiB,
      packAgeMaxMs: 3_600_000,
      repositoryBytesMax: 1024 * MiB,
      warming: true,
    },
    maintenance: false,
  };
}

/** A frontend over metadata in memory, or over another metadata service. */
export async function startFixture(
  options: Partial<FrontendOptions> = {},
  service?: { readonly metadata: MetadataApi },
): Promise<Fixture> {
  const folder = mkdtempSync(join(tmpdir(), 'frontend-'));
  const metadata = new MemoryMetadata();
  const objects = new MemoryObjects();
  const shared = new MemorySharedCache();
  const log = new RecordingLog();
  let generation = 0;
  const start = async (overrides: Partial<FrontendOptions>) => {
    const defaults = frontendOptions(join(folder, `cache-${generation}`));
    const modules = { clock: systemClock, random: systemRandom, log, metadata, objects, shared, ready: () => true };
    const started = new Frontend({ ...defaults, ...overrides }, { ...modules, ...service });
    await started.start();
    return started;
  };
  let frontend = await start(options);
  return {
    get frontend() {
      return frontend;
    },
    metadata,
    objects,
    shared,
    folder,
    log,
    url: (repo = 'owner/name') => `${frontend.url}/${repo}.git`,
    async restart({ fresh = false, ...overrides } = {}) {
      await frontend.stop();
      if (fresh) generation += 1;
      frontend = await start({ ...options, ...overrides });
    },
    async stop() {
      await frontend.stop();
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/** Waits until a check passes; what other processes do takes its time on a busy machine. */
export function eventually<T>(check: () => T | Promise<T>): Promise<T> {
  return vi.waitFor(check, { timeout: 10_000, interval: 20 });
}

/** Runs the real git; failures are results, not exceptions. */
export function git(cwd: string, args: readonly string[], env: Record<string, string> = {}): Promise<GitResult> {
  return new Promise((resolve) => {
    const settings = { cwd, env: { ...environment, ...env }, maxBuffer: 64 * MiB };
    execFile('git', [...args], settings, (error, stdout, stderr) => {
      resolve({ exitCode: error === null ? 0 : Number(error.code ?? -1), stdout: stdout.trim(), stderr });
    });
  });
}

/** Runs the real git, which must succeed, and returns its output. */
export async function gitOk(cwd: string, args: readonly string[], env: Record<string, string> = {}): Promise<string> {
  const result = await git(cwd, args, env);
  if (result.exitCode !== 0) throw new Error(`git ${args.join(' ')} ended with ${result.exitCode}: ${result.stderr}`);
  return result.stdout;
}

/** A working copy with some commits on main, and what `extra` arguments make `git init` do. */
export async function makeWork(folder: string, commits = 3, init: readonly string[] = []): Promise<string> {
  const work = mkdtempSync(join(folder, 'work-'));
  await gitOk(work, ['init', '-q', '-b', 'main', ...init, '.']);
  if (commits === 0) return work;
  // In one process for all commits: to start three for each took longer than most tests.
  const seconds = Math.floor(systemClock.nowMs() / 1_000);
  const stream = Array.from({ length: commits }, (_, index) => {
    const at = index + 1;
    const [content, message] = [`content ${at}\n`, `file-${at}.txt`];
    const lines = [`commit refs/heads/main`, `committer A <a@example.org> ${seconds} +0000`, data(message)];
    return [...lines, `M 100644 inline file-${at}.txt`, data(content)].join('\n');
  });
  execFileSync('git', ['fast-import', '--quiet'], { cwd: work, env: environment, input: `${stream.join('\n')}\n` });
  await gitOk(work, ['reset', '-q', '--hard']);
  return work;
}

function data(text: string): string {
  return `data ${Buffer.byteLength(text)}\n${text}`;
}

/** Writes a file and commits it; returns the commit's id. */
export async function commit(work: string, file: string, content: string | Buffer): Promise<string> {
  writeFileSync(join(work, file), content);
  await gitOk(work, ['add', '-A']);
  await gitOk(work, ['commit', '-q', '-m', `add ${file}`]);
  return gitOk(work, ['rev-parse', 'HEAD']);
}

/** A pack with the given objects (by revision), as `git push` would send it. */
export function makePack(work: string, revisions: readonly string[], args: readonly string[] = ['--revs']): Buffer {
  return execFileSync('git', ['pack-objects', '--stdout', '-q', ...args], {
    cwd: work,
    env: environment,
    input: revisions.map((revision) => `${revision}\n`).join(''),
    maxBuffer: 64 * MiB,
  });
}
