import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { noise } from '../e2e/generated-history.ts';
import { GitClient } from '../e2e/git-client.ts';

/** A bare repository as an administrator would keep it: one pack with bitmaps, a commit-graph, packed refs. */
export interface BenchRepository {
  readonly name: string;
  readonly folder: string;
  readonly git: GitClient;
  /** The branch that HEAD points at, in full, and its commit. */
  readonly branch: string;
  readonly tip: string;
  /** First-parent ancestors of the tip, the newest first, without the tip. */
  readonly ancestors: readonly string[];
  readonly objects: number;
}

/** What is generated; another shape is another repository of the cache. */
interface Shape {
  readonly commits: number;
  /** Text files: groups of folders of files. */
  readonly groups: number;
  readonly foldersPerGroup: number;
  readonly filesPerFolder: number;
  readonly linesPerFile: number;
  /** Files of noise, each of them replaced as a whole, one in so many commits. */
  readonly assets: number;
  readonly assetBytes: number;
  readonly commitsPerAsset: number;
}

/** At least 60,000 objects, 4 MB at the tip, 100 MB in all: 3,000 sources that change by lines, and images that are replaced. */
const big: Shape = {
  commits: 11_000,
  groups: 40,
  foldersPerGroup: 5,
  filesPerFolder: 15,
  linesPerFile: 150,
  assets: 4,
  assetBytes: 60_000,
  commitsPerAsset: 7,
};

/** 180 KB at its tip. */
const small: Shape = {
  commits: 600,
  groups: 6,
  foldersPerGroup: 2,
  filesPerFolder: 5,
  linesPerFile: 160,
  assets: 4,
  assetBytes: 20_000,
  commitsPerAsset: 20,
};

const cacheFolder = join(tmpdir(), 'stratum-bench-repositories');

/** How many ancestors are looked at: enough commits that nobody has asked for. */
const ancestorsMax = 2_000;

/** The repository `big` or `small`, generated once and kept in the temporary folder across runs. */
export function generatedRepository(name: 'big' | 'small'): Promise<BenchRepository> {
  const shape = name === 'big' ? big : small;
  const key = Object.values(shape).join('-');
  return prepared(name, join(cacheFolder, `${name}-${key}.git`), async (folder) => {
    const git = new GitClient(folder);
    await git.git('init', '--quiet', '--bare', '--initial-branch=main');
    await importInto(folder, shape);
  });
}

/** A bare copy of a repository of the caller's, kept for the run in `folder`. */
export function copiedRepository(path: string, folder: string): Promise<BenchRepository> {
  const name = basename(resolve(path)).replace(/\.git$/, '') || 'repository';
  return prepared(name, join(folder, `${name}.git`), async (target) => {
    const git = new GitClient(target);
    await git.git('clone', '--quiet', '--bare', '--no-local', resolve(path), target);
  });
}

async function prepared(
  name: string,
  folder: string,
  make: (folder: string) => Promise<void>,
): Promise<BenchRepository> {
  const git = new GitClient(folder);
  const isThere = await git.attempt('rev-parse', '--git-dir').then(
    ({ code }) => code === 0,
    () => false, // The folder is not there.
  );
  if (!isThere) {
    const unfinished = `${folder}.${process.pid}`;
    await mkdir(unfinished, { recursive: true });
    await make(unfinished);
    const making = new GitClient(unfinished);
    // Deltas anew, as a server's own maintenance finds them: those of fast-import lead from the oldest to the newest.
    await making.git('repack', '-a', '-d', '-f', '--write-bitmap-index', '--quiet');
    await making.git('pack-refs', '--all');
    await making.git('commit-graph', 'write', '--reachable');
    await rm(folder, { recursive: true, force: true });
    await rename(unfinished, folder);
  }
  const ancestors = await git.git('rev-list', '--first-parent', `--max-count=${ancestorsMax + 1}`, 'HEAD');
  const [tip = '', ...others] = ancestors.split('\n');
  const count = /^in-pack: (\d+)$/m.exec(await git.git('count-objects', '-v'))?.[1];
  const branch = await git.git('symbolic-ref', 'HEAD');
  return { name, folder, git, branch, tip, ancestors: others, objects: Number(count) };
}

async function importInto(folder: string, shape: Shape): Promise<void> {
  const child = spawn('git', ['fast-import', '--quiet'], { cwd: folder, stdio: ['pipe', 'ignore', 'inherit'] });
  const closed = once(child, 'close');
  for (const chunk of history(shape)) if (!child.stdin.write(chunk)) await once(child.stdin, 'drain');
  child.stdin.end();
  const [code] = await closed;
  if (code !== 0) throw new Error(`git fast-import ended with ${code}`);
}

/** The same numbers in every run: xorshift32. */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

function* history(shape: Shape): Generator<Buffer> {
  const random = numbers(20_231_114);
  const letters = 'etaoinshrdlucmfwypvbgkqjxz';
  const words = Array.from({ length: 1_500 }, () =>
    Array.from({ length: 3 + random(7) }, () => letters[Math.min(random(26), random(26))]).join(''),
  );
  // Sources compress to a quarter: a file has few words of its own, and indented lines.
  const line = (own: readonly string[]) =>
    `${'  '.repeat(random(4))}${Array.from({ length: 2 + random(5) }, () => own[random(own.length)]).join(' ')};`;
  const files: { path: string; own: readonly string[]; lines: string[] }[] = [];
  for (let group = 0; group < shape.groups; group += 1) {
    for (let folder = 0; folder < shape.foldersPerGroup; folder += 1) {
      for (let file = 0; file < shape.filesPerFolder; file += 1) {
        const own = Array.from({ length: 30 }, () => words[random(words.length)] ?? '');
        const lines = Array.from({ length: shape.linesPerFile / 2 + random(shape.linesPerFile) }, () => line(own));
        files.push({ path: `source/group-${group}/part-${folder}/file-${file}.txt`, own, lines });
      }
    }
  }
  const text = ({ path, lines }: { path: string; lines: string[] }) =>
    inline(path, Buffer.from(`${lines.join('\n')}\n`));
  const asset = (at: number, version: number) =>
    inline(`assets/image-${at}.bin`, noise(`image ${at} ${version}`, shape.assetBytes));
  yield commit(0, 'Begin');
  for (const file of files) yield text(file);
  for (let at = 0; at < shape.assets; at += 1) yield asset(at, 0);
  for (let index = 1; index < shape.commits; index += 1) {
    yield commit(index, `Change ${index}`);
    const file = files[random(files.length)];
    if (file === undefined) continue;
    for (let edit = 0; edit <= random(4); edit += 1)
      file.lines.splice(random(file.lines.length), random(2), line(file.own));
    // What is added is taken away somewhere else: the tip does not grow.
    file.lines.splice(random(file.lines.length), Math.max(0, file.lines.length - shape.linesPerFile * 1.5));
    yield text(file);
    if (index % shape.commitsPerAsset === 0) yield asset(random(shape.assets), index);
  }
  yield Buffer.from(`tag v1\nfrom refs/heads/main\n${person('tagger', shape.commits)}data 10\nVersion 1\n\n`);
}

function person(role: 'committer' | 'tagger', index: number): string {
  return `${role} Ada <ada@example.org> ${1_700_000_000 + index * 60} +0000\n`;
}

function commit(index: number, message: string): Buffer {
  const bytes = Buffer.byteLength(message);
  return Buffer.from(`commit refs/heads/main\n${person('committer', index)}data ${bytes}\n${message}\n`);
}

function inline(path: string, content: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`M 100644 inline ${path}\ndata ${content.length}\n`), content, Buffer.from('\n')]);
}
