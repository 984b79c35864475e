import { join } from 'node:path';
import { StratumError } from '../../../base/errors.ts';
import type { GitRunner } from '../../../git/git-runner.ts';
import { formatOfId, type ObjectFormat } from '../../../git/object-id.ts';
import { packPath } from '../bare-repository.ts';
import { PackedObjects } from './packed-objects.ts';
import type { Scratch } from './scratch-folder.ts';

/** A pack that was made. */
export interface RepackedPack {
  /** The hex digits in "pack-<digits>.pack". */
  readonly name: string;
  readonly objectCount: number;
  readonly hasBitmap: boolean;
  /** It holds what no ref reaches. */
  readonly isUnreachable: boolean;
}

/** Packs to be repacked, in a scratch repository with the refs. */
export interface RepackQuestion {
  readonly scratch: Scratch;
  readonly format: ObjectFormat;
  /** Names of the packs that the result is to replace. */
  readonly replace: readonly string[];
  /** Names of all packs in the scratch repository, the others are kept. */
  readonly linked: readonly string[];
  readonly signal: AbortSignal;
}

/** One thread, so that requests have the other cores; and what `git index-pack` would have to make anew. */
const packConfig = { 'pack.threads': '1', 'pack.writeReverseIndex': 'true' };

/** Makes one pack of some, whatever is in them. */
export async function repackGeometric(git: GitRunner, question: RepackQuestion): Promise<readonly RepackedPack[]> {
  const lines = question.replace.map((name) => Buffer.from(`pack-${name}.pack\n`));
  const name = await packObjects(git, question, ['--stdin-packs'], lines);
  return name === undefined ? [] : [await describe(question, name, { hasBitmap: false, isUnreachable: false })];
}

/** Makes one pack with a bitmap of all that the refs reach, and one of what else is in the packs to replace. */
export async function repackFull(git: GitRunner, question: RepackQuestion): Promise<readonly RepackedPack[]> {
  const made: RepackedPack[] = [];
  const reached = await packObjects(git, question, ['--all', '--write-bitmap-index'], []);
  if (reached !== undefined) made.push(await describe(question, reached, { hasBitmap: true, isUnreachable: false }));
  const before = objectsOf(question, question.scratch.sourcePath, question.replace);
  const rest = before.without(objectsOf(question, question.scratch.resultPath, namesOf(made)));
  const unreached = await packObjects(git, question, [], idLines(rest, question.format));
  if (unreached !== undefined)
    made.push(await describe(question, unreached, { hasBitmap: false, isUnreachable: true }));
  return made;
}

/**
 * Makes sure that nothing is lost: every object of the packs that are replaced is in the packs that were made, and these
 * have nothing that was not there. INTERNAL otherwise; the result must not be used then.
 */
export async function assertSameObjects(question: RepackQuestion, made: readonly RepackedPack[]): Promise<void> {
  const { scratch, replace, linked } = question;
  const after = objectsOf(question, scratch.resultPath, namesOf(made));
  const lost = await objectsOf(question, scratch.sourcePath, replace).countWithout(after);
  const strange = await after.countWithout(objectsOf(question, scratch.sourcePath, linked));
  if (lost === 0 && strange === 0) return;
  const numbers = `${lost} objects would be lost, ${strange} were not there before`;
  throw new StratumError('INTERNAL', `the repacked packs are not used: ${numbers}`);
}

/** Runs `git pack-objects` into the result repository; undefined when there was nothing to pack. */
async function packObjects(
  git: GitRunner,
  { scratch, signal }: RepackQuestion,
  args: readonly string[],
  input: Iterable<Buffer> | AsyncIterable<Buffer>,
): Promise<string | undefined> {
  const base = join(scratch.resultPath, 'objects', 'pack', 'pack');
  const output = await git.run({
    args: ['pack-objects', '--quiet', '--non-empty', '--delta-base-offset', ...args, base],
    gitDir: scratch.sourcePath,
    config: packConfig,
    // It may run for hours: it must not take the slots of those who wait for their answer.
    isPaced: true,
    isBackground: true,
    input,
    signal,
  });
  const name = output.toString('latin1').trim();
  if (name === '') return undefined;
  if (formatOfId(name) === undefined) {
    throw new StratumError('GIT_FAILED', `git pack-objects answered '${name.slice(0, 100)}'`);
  }
  return name;
}

async function describe(
  question: RepackQuestion,
  name: string,
  kind: Pick<RepackedPack, 'hasBitmap' | 'isUnreachable'>,
): Promise<RepackedPack> {
  const objectCount = await objectsOf(question, question.scratch.resultPath, [name]).count();
  return { name, objectCount, ...kind };
}

function objectsOf({ format }: RepackQuestion, path: string, names: readonly string[]): PackedObjects {
  return new PackedObjects({ indexPaths: names.map((name) => packPath(path, name, 'idx')), format });
}

async function* idLines(parts: AsyncIterable<Buffer>, format: ObjectFormat): AsyncGenerator<Buffer, void, undefined> {
  const digits = format === 'sha1' ? 40 : 64;
  for await (const part of parts) {
    const hex = part.toString('hex');
    const lines: string[] = [];
    for (let at = 0; at < hex.length; at += digits) lines.push(hex.slice(at, at + digits), '\n');
    yield Buffer.from(lines.join(''), 'latin1');
  }
}

function namesOf(packs: readonly RepackedPack[]): string[] {
  return packs.map(({ name }) => name);
}
