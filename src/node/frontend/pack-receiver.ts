import { asStratumError, hasCode, StratumError } from '../../base/errors.ts';
import { feed, type GitRunner } from '../../git/git-runner.ts';
import type { HashedFile } from '../../replication/file-blob-source.ts';
import { packPath } from './bare-repository.ts';
import { countObjects } from './pack-objects.ts';
import { StreamHash } from './stream-hash.ts';

/** How a pack is taken in. */
export interface PackReception {
  /** The bare repository whose objects/pack receives it. */
  readonly path: string;
  /** The pack as it comes; it may end early, or fail. */
  readonly pack: AsyncIterable<Buffer>;
  /** git's own limit; the source may have a tighter one. */
  readonly packBytesMax: number;
  /** Sees git's progress display; left out for a quiet push. */
  readonly onProgress?: ((text: Buffer) => void) | undefined;
  /** Whose turn it uses up. */
  readonly fairKey: string;
  readonly signal: AbortSignal;
}

/** A pack that git has indexed and checked. */
export interface ReceivedPack {
  /** The hex digits in "pack-<digits>.pack". */
  readonly name: string;
  readonly objectCount: number;
  /** Every object that one of it leads to is in the pack as well. */
  readonly isSelfContained: boolean;
  /** The pack's file, where its hash is known already. */
  readonly file: HashedFile | undefined;
}

/** How index-pack says that a pack leads to objects which are elsewhere: they have to be looked for. */
const leadsElsewhere = 1;

/** A quarantine is gone after a crash, and what is accepted of it is durable as blobs: waiting for its disk is for nothing. */
const quarantineConfig = { 'core.fsync': 'none' };

/**
 * Streams a pack through `git index-pack`, which completes a thin pack, checks every object and
 * link (--strict) and writes .pack, .idx and .rev. PACK_INVALID with git's words when it refuses, the
 * source's own error when that fails. Memory stays bounded: the upload waits for git.
 */
export async function receivePack(runner: GitRunner, reception: PackReception): Promise<ReceivedPack> {
  const { path, packBytesMax, onProgress, fairKey, signal } = reception;
  const args = [
    'index-pack',
    '--stdin',
    '--fix-thin',
    '--strict',
    '--check-self-contained-and-connected',
    '--rev-index',
  ];
  args.push(`--max-input-size=${packBytesMax}`);
  if (onProgress !== undefined) args.push('--show-resolving-progress');
  const answerCodes = [leadsElsewhere];
  const command = { args, gitDir: path, signal, fairKey, isPaced: true, config: quarantineConfig, answerCodes };
  const child = await runner.start(onProgress === undefined ? command : { ...command, onStderr: onProgress });
  const output = readText(child.stdout);
  const passed = new StreamHash();
  let uploadError: unknown;
  try {
    await feed(child.stdin, passed.passing(reception.pack));
  } catch (error) {
    uploadError = error;
    child.kill(error);
  }
  const text = await output;
  let exitCode: number;
  try {
    exitCode = await child.done;
  } catch (error) {
    throw uploadError ?? asPackError(error, child.stderrLines);
  }
  const name = /^(?:pack|keep)\t([0-9a-f]+)/.exec(text)?.[1];
  if (name === undefined) throw new StratumError('GIT_FAILED', `git index-pack answered '${text.slice(0, 100)}'`);
  const file = await passed.fileOf(packPath(path, name, 'pack'));
  // Of a pack that git completed with what it found here it has not looked at where that leads.
  const isSelfContained = exitCode !== leadsElsewhere && file !== undefined;
  return { name, objectCount: await countObjects(path, name), isSelfContained, file };
}

async function readText(stream: AsyncIterable<Buffer>): Promise<string> {
  let text = '';
  try {
    // What follows the first line is a tail that git hands back of a stream longer than its pack.
    for await (const chunk of stream) if (text.length < 1000) text += chunk.toString('latin1');
  } catch {
    return text; // Killed: the process's end says why.
  }
  return text;
}

/** What git says of a pack that it refuses is for the pusher; that it failed is not our failure. */
function asPackError(error: unknown, stderrLines: readonly string[]): StratumError {
  if (!hasCode(error, 'GIT_FAILED')) return asStratumError(error);
  const fatal = stderrLines.findLast((line) => /^(fatal|error): /.test(line));
  const words = (fatal ?? stderrLines.at(-1) ?? error.message).replace(/^(fatal|error): /, '');
  return new StratumError('PACK_INVALID', `index-pack failed: ${words}`, undefined, { cause: error });
}
