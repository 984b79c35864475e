import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { systemCode } from '../../base/errors.ts';
import { writeFileDurably } from '../../store/durable-file.ts';

/** How to find a supervisor, in supervisor.json of the cluster's folder; only its user may read it. */
export interface SupervisorFile {
  readonly pid: number;
  /** Port of its control listener on loopback. */
  readonly port: number;
  /** What a caller must show. */
  readonly token: string;
  readonly processes: readonly { readonly id: string; readonly pid: number; readonly port: number }[];
}

const fileName = 'supervisor.json';

/** Readable and writable for the owner alone: the token in it stops the cluster. */
const ownerOnly = 0o600;

/** The file of the latest supervisor; undefined when there is none or it cannot be understood. */
export async function readSupervisorFile(folder: string): Promise<SupervisorFile | undefined> {
  try {
    const content: unknown = JSON.parse(await readFile(join(folder, fileName), 'utf8'));
    return isSupervisorFile(content) ? content : undefined;
  } catch (error) {
    // A file that is no JSON cannot lead to a supervisor any more than a missing one.
    if (systemCode(error) === 'ENOENT' || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Replaces the file. */
export function writeSupervisorFile(folder: string, content: SupervisorFile): Promise<void> {
  return writeFileDurably(join(folder, fileName), `${JSON.stringify(content)}\n`, ownerOnly);
}

/** Removes the file at a clean end. */
export function removeSupervisorFile(folder: string): Promise<void> {
  return rm(join(folder, fileName), { force: true });
}

function isSupervisorFile(content: unknown): content is SupervisorFile {
  if (typeof content !== 'object' || content === null) return false;
  const { pid, port, token, processes } = content as Record<string, unknown>;
  return typeof pid === 'number' && typeof port === 'number' && typeof token === 'string' && Array.isArray(processes);
}
