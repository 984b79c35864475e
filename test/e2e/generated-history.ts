import { createCipheriv, createHash } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { GitClient } from './git-client.ts';

/** What to generate. */
export interface HistoryShape {
  readonly commits: number;
  /** Bytes of one incompressible file. */
  readonly largeFileBytes: number;
  /** The branch that has it in its last commit, and nobody else; without it, it is in main from early on. */
  readonly largeFileBranch?: string;
  readonly objectFormat?: 'sha1' | 'sha256';
}

/** Bytes that do not compress and are the same for the same seed. */
export function noise(seed: string, bytes: number): Buffer {
  const key = createHash('sha256').update(seed).digest();
  return createCipheriv('aes-256-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(bytes));
}

/**
 * A repository in `folder` with branches, merges, renames, binaries, light and annotated tags and
 * one large file, written through fast-import. The same shape gives the same ids.
 */
export async function generateHistory(folder: string, shape: HistoryShape): Promise<GitClient> {
  await mkdir(folder, { recursive: true });
  const client = new GitClient(folder);
  await client.git('init', '--quiet', '--initial-branch=main', `--object-format=${shape.objectFormat ?? 'sha1'}`);
  await client.feed(Buffer.concat([...fastImport(shape)]), 'fast-import', '--quiet');
  await client.git('reset', '--quiet', '--hard', 'main');
  return client;
}

function data(content: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`data ${content.length}\n`), content, Buffer.from('\n')]);
}

function person(role: 'author' | 'committer' | 'tagger', index: number): string {
  return `${role} Ada <ada@example.org> ${1_700_000_000 + index * 60} +0000\n`;
}

function* fastImport(shape: HistoryShape): Generator<Buffer> {
  const branchEvery = 50;
  for (let index = 1; index <= shape.commits; index += 1) {
    const onBranch = index > branchEvery && index % branchEvery >= 40;
    const merging = index > branchEvery && index % branchEvery === 0;
    const branch = onBranch ? `topic-${Math.floor(index / branchEvery)}` : 'main';
    yield Buffer.from(
      `commit refs/heads/${branch}\nmark :${index}\n${person('author', index)}${person('committer', index)}`,
    );
    yield data(Buffer.from(`Change ${index}\n\nOne of many.\n`));
    yield* parents(index, onBranch, merging, branchEvery);
    yield* changes(index, shape);
  }
  if (shape.largeFileBranch !== undefined) {
    const [at, branch] = [shape.commits + 1, shape.largeFileBranch];
    yield Buffer.from(`commit refs/heads/${branch}\n${person('author', at)}${person('committer', at)}`);
    yield data(Buffer.from('Add a large file\n'));
    yield Buffer.from(`from :${shape.commits}\n`);
    yield* largeFile(shape);
    yield Buffer.from('\n');
  }
  yield Buffer.from(`reset refs/tags/light\nfrom :${Math.floor(shape.commits / 2)}\n\n`);
  for (const at of [1, 10, shape.commits]) {
    yield Buffer.from(`tag v${at}\nfrom :${at}\n${person('tagger', at)}`);
    yield data(Buffer.from(`Version ${at}\n`));
  }
}

/** Commits 40 to 49 of each fifty are a side branch from commit 39; the fiftieth merges it into main. */
function* parents(index: number, onBranch: boolean, merging: boolean, branchEvery: number): Generator<Buffer> {
  if (onBranch && index % branchEvery === 40) yield Buffer.from(`from :${index - 1}\n`);
  if (merging) yield Buffer.from(`from :${index - 11}\nmerge :${index - 1}\n`);
}

function* changes(index: number, shape: HistoryShape): Generator<Buffer> {
  yield Buffer.from(`M 100644 inline src/module-${index % 40}/file-${index % 170}.txt\n`);
  yield data(Buffer.from(`line ${index}\n`.repeat(20 + (index % 30))));
  if (index % 25 === 0) {
    yield Buffer.from(`M 100644 inline assets/image-${index % 100}.bin\n`);
    yield data(noise(`image ${index}`, 2_000 + index));
  }
  if (index % 100 === 5) yield Buffer.from(`M 100755 inline moving/name-${index}.sh\n`);
  if (index % 100 === 5) yield data(Buffer.from(`#!/bin/sh\necho ${index}\n`));
  if (index % 100 === 7) yield Buffer.from(`R moving/name-${index - 2}.sh moved/name-${index}.sh\n`);
  if (index === 3 && shape.largeFileBytes > 0 && shape.largeFileBranch === undefined) yield* largeFile(shape);
  yield Buffer.from('\n');
}

function* largeFile(shape: HistoryShape): Generator<Buffer> {
  yield Buffer.from('M 100644 inline large.bin\n');
  yield data(noise('large', shape.largeFileBytes));
}
