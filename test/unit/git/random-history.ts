import { execFileSync } from 'node:child_process';
import { createCipheriv, createHash } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';

/** A bare repository with a history that a seed gives, and what is in it. */
export interface RandomHistory {
  readonly gitDir: string;
  readonly objectFormat: 'sha1' | 'sha256';
  /** Object ids by type. */
  readonly commits: readonly string[];
  readonly tags: readonly string[];
  readonly others: readonly string[];
  readonly parents: ReadonlyMap<string, readonly string[]>;
  /** Name, object id and peeled id (or empty), in order of the names. */
  readonly refs: readonly { readonly name: string; readonly objectId: string; readonly peeledId: string }[];
  /** Seconds since 1970 between which the commits lie. */
  readonly timesSec: readonly [number, number];
}

/** How the objects lie in the repository: git takes another way through its code for each. */
export type Storage = 'loose' | 'packed' | 'bitmap';

const firstSec = 1_700_000_000;
const stepSec = 3_600;

const environment = {
  PATH: process.env.PATH,
  HOME: '/nonexistent',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_COMMITTER_NAME: 'Ada',
  GIT_COMMITTER_EMAIL: 'ada@example.org',
};

/** Creates it below `folder`: merges, renames, deletions, small and large blobs, tags of all kinds. */
export function makeRandomHistory(
  folder: string,
  shape: { readonly seed: number; readonly storage: Storage; readonly objectFormat: 'sha1' | 'sha256' },
): RandomHistory {
  const { seed, storage, objectFormat } = shape;
  const gitDir = mkdtempSync(join(folder, `${storage}-`));
  const git = (args: string[], input?: Buffer) =>
    execFileSync('git', ['-C', gitDir, ...args], { env: environment, input, stdio: ['pipe', 'pipe', 'ignore'] })
      .toString()
      .trimEnd();
  execFileSync('git', ['init', '-q', '--bare', '-b', 'main', `--object-format=${objectFormat}`, gitDir], {
    env: environment,
  });
  const random = new Dice(seed);
  const commitCount = 12 + random.below(30);
  git(
    ['-c', 'fastimport.unpackLimit=100000', 'fast-import', '--quiet'],
    Buffer.concat([...stream(random, commitCount)]),
  );
  git(['tag', '-a', '-m', 'a tag of a tag', 'nested', 'v1']);
  git(['update-ref', 'refs/tags/a-tree', git(['rev-parse', 'main^{tree}'])]);
  git(['tag', '-a', '-m', 'a tag of a blob', 'blob', git(['rev-parse', 'main:kept.txt'])]);
  if (storage === 'packed') git(['repack', '-adq']);
  if (storage === 'bitmap') git(['repack', '-adbq']);
  if (storage === 'bitmap') git(['commit-graph', 'write', '--reachable']);
  const format = '%(refname) %(objectname) %(*objectname)';
  const objects = lines(git(['cat-file', '--batch-all-objects', '--batch-check=%(objectname) %(objecttype)']));
  const ofType = (...types: string[]) => objects.filter(([, type = '']) => types.includes(type)).map(([id = '']) => id);
  return {
    gitDir,
    objectFormat,
    commits: ofType('commit'),
    tags: ofType('tag'),
    others: ofType('blob', 'tree'),
    parents: new Map(lines(git(['rev-list', '--all', '--parents'])).map(([id = '', ...parents]) => [id, parents])),
    refs: lines(git(['for-each-ref', `--format=${format}`])).map(([name = '', objectId = '', peeledId = '']) => {
      return { name, objectId, peeledId: peeledId === '' ? '' : git(['rev-parse', `${name}^{}`]) };
    }),
    timesSec: [firstSec, firstSec + commitCount * stepSec],
  };
}

function lines(text: string): string[][] {
  return text.split('\n').map((line) => line.split(' '));
}

/** Numbers that a seed gives (mulberry32). */
class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0;
  }

  below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
  }
}

function* stream(random: Dice, commitCount: number): Generator<Buffer> {
  const branches = ['main', 'both', 'next', 'topic/a', 'topic/b'].slice(0, 2 + random.below(4));
  const tips = new Map<string, number>();
  for (let mark = 1; mark <= commitCount; mark += 1) {
    const branch = mark === 1 ? 'main' : (branches[random.below(branches.length)] ?? 'main');
    const from = tips.get(branch) ?? (mark === 1 ? undefined : 1 + random.below(mark - 1));
    yield commitHeader(random, mark, branch);
    if (from !== undefined) yield Buffer.from(`from :${from}\n`);
    const merged = random.below(4) === 0 && mark > 4 ? 1 + random.below(mark - 1) : undefined;
    if (merged !== undefined && merged !== from) yield Buffer.from(`merge :${merged}\n`);
    if (mark === 1) yield Buffer.from('M 100644 inline kept.txt\ndata 5\nkept\n\n');
    yield* changes(random, mark);
    tips.set(branch, mark);
  }
  // A name that two refs have in common, one of which the dice may have left out.
  if (!tips.has('both')) yield Buffer.from('reset refs/heads/both\nfrom :1\n\n');
  for (const name of ['light', 'both']) {
    yield Buffer.from(`reset refs/tags/${name}\nfrom :${1 + random.below(commitCount)}\n\n`);
  }
  for (const name of ['v1', 'v2', 'v3']) {
    const at = 1 + random.below(commitCount);
    yield Buffer.from(`tag ${name}\nfrom :${at}\ntagger Ada <ada@example.org> ${firstSec} +0000\ndata 4\n${name}\n\n`);
  }
}

function commitHeader(random: Dice, mark: number, branch: string): Buffer {
  // Clocks of those who commit differ: now and then a parent is younger than its child.
  const skewSec = random.below(5) === 0 ? random.below(4 * stepSec) : 0;
  const who = `Ada <ada@example.org> ${firstSec + mark * stepSec + skewSec} +0000`;
  return Buffer.from(`commit refs/heads/${branch}\nmark :${mark}\nauthor ${who}\ncommitter ${who}\ndata 2\nx\n`);
}

function* changes(random: Dice, mark: number): Generator<Buffer> {
  const folder = `folder-${random.below(3)}`;
  yield file(`${folder}/file-${random.below(6)}.txt`, Buffer.from(`line ${mark}\n`.repeat(1 + random.below(200))));
  if (random.below(4) === 0) yield file(`${folder}/deep/er/noise.bin`, noise(mark, 200 + random.below(40_000)));
  if (random.below(4) === 0) yield file('same.txt', Buffer.from(`state ${random.below(3)}\n`));
  // A delete and a write are what a rename is to fast-import, which has no look at the tree.
  if (random.below(3) === 0) yield Buffer.from(`D ${folder}/file-${random.below(6)}.txt\n`);
  yield Buffer.from('\n');
}

function file(path: string, content: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`M 100644 inline ${path}\ndata ${content.length}\n`), content, Buffer.from('\n')]);
}

function noise(seed: number, bytes: number): Buffer {
  const key = createHash('sha256').update(`noise ${seed}`).digest();
  return createCipheriv('aes-256-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(bytes));
}
