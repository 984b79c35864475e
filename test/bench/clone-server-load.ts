import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { processTree } from '../e2e/process-tree.ts';

const ticksPerSecond = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));

/** Milliseconds of processor time that processes have used, all that they have started, and all of those that have ended. */
export function serverProcessorMs(pids: readonly number[]): number {
  const trees = new Set(pids.flatMap((pid) => processTree(pid)));
  let ticks = 0;
  for (const pid of trees) ticks += ticksOf(pid);
  return (ticks / ticksPerSecond) * 1_000;
}

function ticksOf(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name in brackets may hold spaces; the 14th to 17th field are user and system time, its own and of ended children.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
  } catch {
    return 0; // It has ended meanwhile; its parent has its time.
  }
}
