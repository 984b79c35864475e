import { mkdir, readdir, readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { StratumError, systemCode } from '../../base/errors.ts';
import { temporaryFilePrefix, writeFileDurably } from '../../store/durable-file.ts';
import { lockFileName } from '../../store/folder-lock.ts';
import { type NodeRole, nodeRoles } from '../../topology/topology.ts';

/** A node of a local cluster with the ports that it keeps. */
export interface LocalNode {
  readonly id: string;
  readonly role: NodeRole;
  /** Port of its gRPC listener. */
  readonly port: number;
  /** Port of a frontend's HTTP listener. */
  readonly httpPort?: number;
  /** Port on which a coordinator's etcd member hears the others; absent where one coordinator is alone. */
  readonly peerPort?: number;
}

/** What a local cluster keeps across restarts, in cluster.json of its folder. */
export interface ClusterFile {
  readonly format: 1;
  readonly name: string;
  /** In the order in which they start. */
  readonly nodes: readonly LocalNode[];
  /** Path of the etcd program, if one was given. */
  readonly etcdBinary?: string;
}

/** Every port that a node listens on at a place which is kept. */
export function portsOf({ port, httpPort, peerPort }: LocalNode): number[] {
  return [port, httpPort, peerPort].filter((each) => each !== undefined);
}

const fileName = 'cluster.json';

/** The kept state of the cluster in a folder; undefined when there is none yet; DATA_CORRUPT. */
export async function readClusterFile(folder: string): Promise<ClusterFile | undefined> {
  const path = join(folder, fileName);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw unusable(folder, error);
  }
  try {
    const content: unknown = JSON.parse(text);
    if (isClusterFile(content)) return content;
  } catch {
    // Reported below with every other reason for not being one.
  }
  throw new StratumError('DATA_CORRUPT', `${path} is not the description of a cluster`, undefined, {
    hint: 'it is written by stratum alone: restore it, or use another folder with --data-dir',
  });
}

/** Replaces the kept state, durably. */
export async function writeClusterFile(folder: string, content: ClusterFile): Promise<void> {
  try {
    await writeFileDurably(join(folder, fileName), `${JSON.stringify(content, null, 2)}\n`);
  } catch (error) {
    throw unusable(folder, error);
  }
}

/**
 * Makes the folder of a cluster. DATA_DIR_FOREIGN when it holds something else, DATA_DIR_UNWRITABLE
 * when it cannot be made or written.
 */
export async function prepareClusterFolder(folder: string): Promise<void> {
  try {
    for (const name of ['logs', 'nodes']) await makeFolder(join(folder, name));
  } catch (error) {
    throw unusable(folder, error);
  }
}

/** mkdir's own recursion does not end in a file system that answers ENOENT for a parent that is there (/proc). */
async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path);
  } catch (error) {
    const code = systemCode(error);
    if (code === 'EEXIST' && (await stat(path)).isDirectory()) return;
    if (code !== 'ENOENT' || dirname(path) === path) throw error;
    await makeFolder(dirname(path));
    await mkdir(path);
  }
}

/** Refuses a folder that holds something and no cluster; one that is not there is fine. */
export async function refuseForeignFolder(folder: string): Promise<void> {
  let entries: string[];
  try {
    entries = await readdir(folder);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return;
    throw unusable(folder, error);
  }
  if (entries.includes(fileName)) return;
  const ours = ['logs', 'nodes', 'supervisor.log', 'supervisor.json'];
  const foreign = entries.filter((entry) => {
    return !ours.includes(entry) && !entry.startsWith(lockFileName) && !entry.startsWith(temporaryFilePrefix);
  });
  if (foreign.length === 0) return;
  throw new StratumError(
    'DATA_DIR_FOREIGN',
    `${folder} holds something else than a cluster: ${foreign[0]}`,
    undefined,
    {
      hint: 'choose an empty folder with --data-dir',
    },
  );
}

function unusable(folder: string, error: unknown): StratumError {
  const reason = error instanceof Error ? error.message : String(error);
  return new StratumError('DATA_DIR_UNWRITABLE', `cannot use the folder ${folder}: ${reason}`, undefined, {
    hint: 'make it writable for this user, or choose another one with --data-dir',
    cause: error,
  });
}

function isClusterFile(content: unknown): content is ClusterFile {
  if (typeof content !== 'object' || content === null) return false;
  const { format, name, nodes, etcdBinary } = content as Record<string, unknown>;
  const isNamed = format === 1 && typeof name === 'string' && ['string', 'undefined'].includes(typeof etcdBinary);
  return isNamed && Array.isArray(nodes) && nodes.every(isLocalNode);
}

function isLocalNode(content: unknown): content is LocalNode {
  if (typeof content !== 'object' || content === null) return false;
  const { id, role, port, httpPort, peerPort } = content as Record<string, unknown>;
  const isKnown = nodeRoles.some((known) => known === role);
  const others = [httpPort, peerPort].filter((each) => each !== undefined);
  return isKnown && typeof id === 'string' && isPort(port) && others.every(isPort);
}

function isPort(value: unknown): boolean {
  return typeof value === 'number' && Number.isInteger(value) && value > 0 && value <= 65_535;
}
