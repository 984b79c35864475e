import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Finished } from '../e2e/process.ts';
import { noValue } from '../sim/linearizability/repository-model.ts';
import type { Acknowledgements } from './metadata-acknowledgements.ts';
import { BackgroundGit } from './metadata-git.ts';
import { type HistoryVerdict, RecordedRepository } from './metadata-history.ts';
import { type RefReport, readPushReport } from './metadata-push-report.ts';

/** Who does what; eight in all. */
const kinds = ['shared', 'shared', 'shared', 'own', 'own', 'own', 'pair', 'pair'] as const;
type Kind = (typeof kinds)[number];

const readerCount = 1;
const readPauseMs = 300;
const failurePauseMs = 100;
/** Every so many pushes of a client to its own ref replace the commit before instead of following it. */
const amendEvery = 5;

const refsOf: Readonly<Record<Kind, (number: number) => readonly string[]>> = {
  shared: () => ['refs/heads/shared'],
  own: (number) => [`refs/heads/own-${number}`],
  pair: () => ['refs/heads/pair-a', 'refs/heads/pair-b'],
};

interface Pusher {
  readonly name: string;
  readonly kind: Kind;
  readonly url: string;
  readonly git: BackgroundGit;
  readonly refs: readonly string[];
  readonly tree: string;
  commits: number;
}

/** Values of the pushers. */
export interface GitPushersOptions {
  /** Where their repositories are. */
  readonly folder: string;
  /** Of the repository at each frontend. */
  readonly urls: readonly string[];
  readonly repo: string;
}

/** Eight users of the real git who push to one repository as fast as they can, and one who looks at all refs. */
export class GitPushers {
  readonly recorded: RecordedRepository;
  readonly #folder: string;
  readonly #acknowledgements: Acknowledgements;
  readonly #pushers: readonly Pusher[];
  #isStopped = false;
  #running: Promise<unknown> = Promise.resolve();
  /** Commits that git called pushed to the ref that only ever moves on. */
  readonly #shared: string[] = [];
  #reads = 0;

  private constructor(options: GitPushersOptions, acknowledgements: Acknowledgements, pushers: readonly Pusher[]) {
    this.#folder = options.folder;
    this.#acknowledgements = acknowledgements;
    this.#pushers = pushers;
    this.recorded = new RecordedRepository(options.repo);
  }

  static async start(options: GitPushersOptions, acknowledgements: Acknowledgements): Promise<GitPushers> {
    const pushers = await Promise.all(kinds.map((kind, number) => makePusher(options, kind, number)));
    const all = new GitPushers(options, acknowledgements, pushers);
    const readers = Array.from({ length: readerCount }, (_, number) => all.#readOn(`reader-${number}`));
    all.#running = Promise.all([...pushers.map((pusher) => all.#pushOn(pusher)), ...readers]);
    return all;
  }

  get reads(): number {
    return this.#reads;
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#running;
  }

  /** After the end, when all is whole: one more look, a whole clone, and fsck. */
  async check(): Promise<HistoryVerdict> {
    const [pusher] = this.#pushers;
    const refs = pusher === undefined ? undefined : await this.#read(pusher, 'last');
    if (pusher === undefined || refs === undefined) throw new Error('git cannot read the repository at the end');
    const { violations, undecided } = this.recorded.check(refs);
    const copy = await BackgroundGit.init(join(this.#folder, 'in-the-end'));
    await copy.succeed(['fetch', '--quiet', pusher.url, '+refs/*:refs/*']);
    const found = [...violations];
    const { code, stdout, stderr } = await copy.attempt('fsck', '--full', '--strict');
    if (code !== 0) found.push(`git fsck of a copy of all ends with ${code}: ${stdout}${stderr}`);
    const listed = await copy.succeed(['for-each-ref', '--format=%(objectname) %(refname)', 'refs/heads']);
    const cloned = new Map(listed.split('\n').map((line) => [line.slice(41), line.slice(0, 40)]));
    for (const [name, id] of refs) if (cloned.get(name) !== id) found.push(`${name} is not ${id} in a clone`);
    const history = new Set((await copy.succeed(['rev-list', 'refs/heads/shared'])).split('\n'));
    const lost = this.#shared.filter((commit) => !history.has(commit));
    if (lost.length > 0) found.push(`commits are not in the history of refs/heads/shared: ${lost.join(', ')}`);
    return { violations: found, undecided };
  }

  async #pushOn(pusher: Pusher): Promise<void> {
    let known: ReadonlyMap<string, string> | undefined;
    while (!this.#isStopped) {
      known ??= await this.#read(pusher, pusher.name);
      if (known !== undefined && !(await this.#has(pusher, known))) known = undefined;
      const after: ReadonlyMap<string, string> | undefined =
        known === undefined ? undefined : await this.#push(pusher, known);
      if (known === undefined) await sleep(failurePauseMs);
      known = after;
    }
  }

  /** Whether the values of the pusher's refs are there to build on, after a fetch if need be. */
  async #has({ git, url, refs }: Pusher, known: ReadonlyMap<string, string>): Promise<boolean> {
    for (const ref of refs) {
      const id = known.get(ref);
      if (id === undefined || (await git.attempt('cat-file', '-e', id)).code === 0) continue;
      const { code, stderr } = await git.attempt('fetch', '--quiet', url, ref);
      if (code !== 0) this.#acknowledgements.fail('git', `fetch: ${firstWords(stderr)}`);
      // It may have moved on meanwhile, and have been replaced.
      if (code !== 0 || (await git.attempt('cat-file', '-e', id)).code !== 0) return false;
    }
    return true;
  }

  /** Gives the refs as they are then, as far as they are known. */
  async #push(pusher: Pusher, known: ReadonlyMap<string, string>): Promise<ReadonlyMap<string, string> | undefined> {
    const { git, url, refs, name } = pusher;
    const commit = await newCommit(pusher, known);
    const swaps = refs.map((ref) => ({ name: ref, oldId: known.get(ref) ?? noValue, newId: commit }));
    const isAtomic = refs.length > 1;
    // The lease makes git send the old value that this decision was based on, or nothing.
    const leases = swaps.map((each) => `--force-with-lease=${each.name}:${each.oldId}`);
    const flags = ['--porcelain', ...(isAtomic ? ['--atomic'] : []), ...leases];
    const invocation = this.recorded.push(name, swaps, isAtomic);
    const invokedMs = performance.now();
    const specs = refs.map((ref) => `${commit}:${ref}`);
    const finished = await git.attempt('-c', 'core.abbrev=40', 'push', ...flags, url, ...specs);
    const reports = readPushReport(finished.stdout);
    const outcome = outcomeOf(refs, reports);
    if (outcome === 'done') {
      invocation.returned({ kind: 'pushed', areDone: refs.map(() => true) });
      this.#acknowledgements.add('git', invokedMs);
      if (pusher.kind === 'shared') this.#shared.push(commit);
      return new Map([...known, ...refs.map((ref) => [ref, commit] as const)]);
    }
    if (outcome === 'refused') invocation.refused();
    const isStale = reports.some((report) => 'reason' in report && report.reason.includes('stale info'));
    if (!isStale) this.#acknowledgements.fail('git', `push ${outcome}: ${whyOf(finished, reports)}`);
    return undefined;
  }

  async #readOn(name: string): Promise<void> {
    const [pusher] = this.#pushers;
    while (!this.#isStopped && pusher !== undefined) {
      await this.#read(pusher, name);
      await sleep(readPauseMs);
    }
  }

  async #read({ git, url }: Pusher, client: string): Promise<ReadonlyMap<string, string> | undefined> {
    const invocation = this.recorded.read(client);
    const { code, stdout, stderr } = await git.attempt('ls-remote', '--refs', url, 'refs/heads/*');
    if (code !== 0) {
      invocation.refused();
      this.#acknowledgements.fail('git', `ls-remote: ${firstWords(stderr)}`);
      return undefined;
    }
    const lines = stdout.split('\n').filter((line) => line !== '');
    const refs = new Map(lines.map((line) => [line.slice(41), line.slice(0, 40)]));
    invocation.returned({ kind: 'refs', refs });
    this.#reads += 1;
    return refs;
  }
}

async function makePusher({ folder, urls }: GitPushersOptions, kind: Kind, number: number): Promise<Pusher> {
  const name = `git-${number}`;
  const git = await BackgroundGit.init(join(folder, name));
  const tree = await git.succeed(['mktree']);
  const url = urls[number % urls.length] ?? '';
  return { name, kind, url, git, refs: refsOf[kind](number), tree, commits: 0 };
}

/** On top of what the refs are, or now and then in place of it; a merge where they differ. */
async function newCommit(pusher: Pusher, known: ReadonlyMap<string, string>): Promise<string> {
  const { git, kind, name, refs, tree } = pusher;
  pusher.commits += 1;
  const values = [...new Set(refs.flatMap((ref) => known.get(ref) ?? []))];
  const isAmended = kind === 'own' && pusher.commits % amendEvery === 0;
  const parents = isAmended ? [] : values.flatMap((id) => ['-p', id]);
  return git.succeed(['commit-tree', tree, ...parents, '-m', `${name} ${pusher.commits}`]);
}

function outcomeOf(refs: readonly string[], reports: readonly RefReport[]): 'done' | 'refused' | 'unknown' {
  const of = (kind: RefReport['kind']) =>
    refs.filter((ref) => reports.some((each) => each.ref === ref && each.kind === kind));
  if (of('done').length === refs.length) return 'done';
  return of('refused').length === refs.length ? 'refused' : 'unknown';
}

function whyOf({ stderr }: Finished, reports: readonly RefReport[]): string {
  const reason = reports.flatMap((report) => ('reason' in report ? [report.reason] : []))[0];
  return reason === undefined ? firstWords(stderr) : firstWords(reason);
}

/** Enough to tell failures apart, without addresses and numbers that differ each time. */
function firstWords(text: string): string {
  const line = text.split('\n').find((each) => /fatal|error|remote|reject/.test(each)) ?? text.split('\n')[0] ?? '';
  return line
    .replace(/https?:\S+/g, '<url>')
    .replace(/[0-9a-f]{40}/g, '<id>')
    .replace(/\d+/g, '#')
    .slice(0, 160);
}
