import { readFile } from 'node:fs/promises';
import type { Clock } from '../../base/clock.ts';
import { nodePaths } from './cluster-paths.ts';
import { isRunning } from './control-client.ts';
import { isListening } from './ports.ts';
import type { SupervisorFile } from './supervisor-file.ts';

/** A node that outlived its supervisor. */
export interface Leftover {
  readonly id: string;
  readonly pid: number;
}

/** Between two looks at a process that is not this one's child: the system has no event for its end. */
const lookEveryMs = 50;

/**
 * The nodes of a supervisor that has died which still run. A number alone is no proof, since it may
 * belong to another process by now: the command line must name the node's file, or, where it
 * cannot be read, something must listen on the node's port.
 */
export async function findLeftovers(folder: string, file: SupervisorFile | undefined): Promise<Leftover[]> {
  const found: Leftover[] = [];
  for (const { id, pid, port } of file?.processes ?? []) {
    if (pid > 0 && isRunning(pid) && (await isNode(folder, id, pid, port))) found.push({ id, pid });
  }
  return found;
}

/** Waits until none of them runs; resolves with those that still do after `timeoutMs`. */
export async function waitForEnd(
  leftovers: readonly Leftover[],
  timeoutMs: number,
  clock: Clock,
  signal: AbortSignal,
): Promise<readonly Leftover[]> {
  const deadlineMs = clock.monotonicMs() + timeoutMs;
  let left = leftovers.filter(({ pid }) => isRunning(pid));
  while (left.length > 0 && clock.monotonicMs() < deadlineMs) {
    await clock.sleep(lookEveryMs, signal);
    left = left.filter(({ pid }) => isRunning(pid));
  }
  return left;
}

async function isNode(folder: string, id: string, pid: number, port: number): Promise<boolean> {
  try {
    const commandLine = await readFile(`/proc/${pid}/cmdline`, 'utf8');
    return commandLine.split('\0').includes(nodePaths(folder, id).configFile);
  } catch {
    return isListening(port); // A system without /proc, or a process that ended just now.
  }
}
