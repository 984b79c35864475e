import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { systemCode } from '../base/errors.ts';
import { syncFolder, writeFileDurably } from './durable-file.ts';

/** Whose clean stop is meant: a proof that was copied elsewhere, or is older than the last process, counts for nothing. */
export interface StoppedProcess {
  readonly diskId: string;
  readonly generationId: bigint;
}

const proofFileName = 'clean-stop.json';

/** Leaves the proof that a process has ended in order; the next one finds it, once. */
export async function leaveCleanStop(folder: string, process: StoppedProcess): Promise<void> {
  await writeFileDurably(join(folder, proofFileName), textOf(process));
}

/**
 * Whether the last process of a folder, which `last` names, has left its proof. The proof is off the disk
 * when this resolves: whatever happens to this process, none is found that it did not leave itself.
 */
export async function takeCleanStop(folder: string, last: StoppedProcess): Promise<boolean> {
  const path = join(folder, proofFileName);
  const found = await readIfThere(path);
  if (found === undefined) return false;
  const isOfLast = found === textOf(last);
  await rm(path);
  await syncFolder(folder);
  return isOfLast;
}

function textOf({ diskId, generationId }: StoppedProcess): string {
  return `${JSON.stringify({ format: 1, diskId, generation: String(generationId) })}\n`;
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
