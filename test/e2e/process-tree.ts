import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** A process and all that it has started, itself first; empty when it is gone. */
export function processTree(pid: number): readonly number[] {
  return treeOf(pid, childrenByParent());
}

/** Whether a process runs: one that has ended and waits for its parent to notice does not. */
export function isRunning(pid: number): boolean {
  return parentOf(String(pid)) !== undefined;
}

/** The name of a process as the system has it, at most fifteen characters; empty when it is gone. */
export function commandName(pid: number): string {
  return readOrEmpty(`/proc/${pid}/comm`).trim();
}

/** The processes that have a text on their command line. */
export function processesWith(text: string): readonly number[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids
    .filter((name) => readOrEmpty(`/proc/${name}/cmdline`).includes(text))
    .map(Number)
    .filter(isRunning);
}

/** Who holds the other end of a connection, by its own port and the port that it came to; undefined for a stranger. */
export type Holders = (ownPort: number, cameToPort: number) => string | undefined;

/** One look at all loopback connections that processes, or processes that they have started, hold; owners by process id. */
export function connectionHolders(owners: ReadonlyMap<number, string>): Holders {
  const children = childrenByParent();
  const ownerOfInode = new Map<string, string>();
  for (const [pid, owner] of owners) {
    for (const each of treeOf(pid, children)) {
      for (const file of openFiles(each)) if (file.startsWith('socket:[')) ownerOfInode.set(file.slice(8, -1), owner);
    }
  }
  const connections = readOrEmpty('/proc/net/tcp');
  return (ownPort, cameToPort) => {
    // proc_pid_net(5): addresses and ports are hexadecimal, the inode is the seventh field after the two.
    const at = connections.indexOf(` ${hexAddress(ownPort)} ${hexAddress(cameToPort)} `);
    const fields = at < 0 ? [] : connections.slice(at, connections.indexOf('\n', at)).trim().split(/\s+/);
    return ownerOfInode.get(fields[8] ?? '');
  };
}

function hexAddress(port: number): string {
  return `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')}`;
}

function treeOf(pid: number, children: ReadonlyMap<number, readonly number[]>): readonly number[] {
  const tree = isRunning(pid) ? [pid] : [];
  for (const each of tree) tree.push(...(children.get(each) ?? []));
  return tree;
}

function childrenByParent(): ReadonlyMap<number, readonly number[]> {
  const children = new Map<number, number[]>();
  for (const name of readdirSync('/proc')) {
    const parent = /^\d+$/.test(name) ? parentOf(name) : undefined;
    if (parent !== undefined) children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
  }
  return children;
}

/** Undefined for a process that has ended. proc(5): the name, in brackets, may hold anything; state and parent follow. */
function parentOf(name: string): number | undefined {
  const stat = readOrEmpty(`/proc/${name}/stat`);
  const [state = 'X', parent = '0'] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return stat === '' || state === 'Z' || state === 'X' ? undefined : Number(parent);
}

function openFiles(pid: number): readonly string[] {
  const folder = `/proc/${pid}/fd`;
  try {
    return readdirSync(folder).map((name) => linkOrEmpty(`${folder}/${name}`));
  } catch {
    return []; // The process is gone.
  }
}

function linkOrEmpty(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return ''; // Closed meanwhile.
  }
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // The process is gone.
  }
}
