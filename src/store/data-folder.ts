import { mkdir, readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import { StratumError, systemCode } from '../base/errors.ts';
import { type Random, randomHex } from '../base/random.ts';
import { leaveCleanStop, takeCleanStop } from './clean-stop.ts';
import { type FolderMarker, markerFileName, markerFormat, parseMarker } from './data-folder-marker.ts';
import { temporaryFilePrefix, temporaryFileSuffix, writeFileDurably } from './durable-file.ts';
import { FolderLock, lockFileName } from './folder-lock.ts';
import { freeBytesOf } from './free-bytes.ts';
import { type MeasureFree, ReserveFile } from './reserve-file.ts';

/** Values of a data folder. */
export interface DataFolderOptions {
  readonly path: string;
  /** The node that the folder belongs to. */
  readonly nodeId: string;
}

/** What a data folder needs. */
export interface DataFolderModules {
  readonly clock: Clock;
  readonly random: Random;
  /** The real disk's unless given. */
  readonly measureFree?: MeasureFree;
}

/** Bytes of the disk's identity. */
const diskIdBytes = 16;

const generationFileName = 'generation.json';

/** What an empty folder may hold: ours from an interrupted start, and the file system's own. */
const ignoredNames = new Set([lockFileName, 'lost+found']);

/**
 * The folder that a node keeps its data in. A marker file ties it to one node id and gives it an
 * identity, so that a node that returns with another disk is noticed. Open, it is locked.
 */
export class DataFolder {
  readonly path: string;
  /**
   * The process before this one ended in order, and what it knew of a disorderly end before it the cluster knew
   * too; true for a new folder.
   */
  readonly wasCleanlyStopped: boolean;
  readonly #lock: FolderLock;
  readonly #clock: Clock;
  #marker: FolderMarker;
  #generationId: bigint;
  /** Whether the end of this process will say all that there is to say: a disorderly end before it is known to the cluster. */
  #isAccounted: boolean;

  private constructor(
    path: string,
    parts: { readonly lock: FolderLock; readonly marker: FolderMarker; readonly clock: Clock },
    last: { readonly wasCleanlyStopped: boolean; readonly generationId: bigint },
  ) {
    this.path = path;
    this.wasCleanlyStopped = last.wasCleanlyStopped;
    this.#lock = parts.lock;
    this.#marker = parts.marker;
    this.#clock = parts.clock;
    this.#generationId = last.generationId;
    this.#isAccounted = last.wasCleanlyStopped;
  }

  /**
   * Opens a folder, and initialises it when it is missing or empty. DATA_DIR_FOREIGN when it holds
   * anything but this node's data, DATA_DIR_LOCKED when a process uses it, DATA_DIR_UNWRITABLE.
   */
  static async open(options: DataFolderOptions, modules: DataFolderModules): Promise<DataFolder> {
    const { path } = options;
    try {
      await makeFolder(path);
      // Looked at before anything is written into what may be somebody else's folder.
      await readOwnMarker(options);
      const lock = await FolderLock.acquire(path);
      try {
        const found = await readOwnMarker(options);
        const marker = found ?? (await initialise(options, modules));
        // After the marker: a folder with a reserve alone would be somebody else's.
        const measureFree = modules.measureFree ?? freeBytesOf;
        await new ReserveFile({ folder: path }, { measureFree }).prepareStart();
        const generationId = await readGeneration(join(path, generationFileName));
        const { diskId } = marker;
        const hasProof = await takeCleanStop(path, { diskId, generationId });
        const last = { wasCleanlyStopped: found === undefined || hasProof, generationId };
        return new DataFolder(path, { lock, marker, clock: modules.clock }, last);
      } catch (error) {
        lock.release();
        throw error;
      }
    } catch (error) {
      throw folderError(path, error);
    }
  }

  get nodeId(): string {
    return this.#marker.nodeId;
  }

  /** Random hex digits, made once with the folder. */
  get diskId(): string {
    return this.#marker.diskId;
  }

  /** The cluster that the folder's data belongs to; undefined until it has joined one. */
  get clusterId(): string | undefined {
    return this.#marker.clusterId;
  }

  /**
   * The cluster has taken this process in, and knows how the one before it ended: ties the folder to the cluster for
   * good. DATA_DIR_FOREIGN when it belongs to another one.
   */
  async bindCluster(clusterId: string): Promise<void> {
    this.#isAccounted ||= this.#marker.clusterId === clusterId;
    if (this.#marker.clusterId === clusterId) return;
    if (this.#marker.clusterId !== undefined) {
      const what = `the folder ${this.path} holds data of cluster ${this.#marker.clusterId}, not of ${clusterId}`;
      throw new StratumError('DATA_DIR_FOREIGN', what, undefined, {
        hint: 'point the node at coordinators of its own cluster, or give it an empty folder with --data-dir',
      });
    }
    const marker = { ...this.#marker, clusterId };
    await writeMarker(this.path, marker);
    this.#marker = marker;
    this.#isAccounted = true;
  }

  /** The id of this start of the process: higher than every earlier one of this folder, even if the clock fell back. */
  async nextGeneration(): Promise<bigint> {
    try {
      const path = join(this.path, generationFileName);
      const last = await readGeneration(path);
      const now = BigInt(Math.trunc(this.#clock.nowMs()));
      const next = last + 1n > now ? last + 1n : now;
      await writeFileDurably(path, `${JSON.stringify({ format: 1, generation: String(next) })}\n`);
      this.#generationId = next;
      return next;
    } catch (error) {
      throw folderError(this.path, error);
    }
  }

  /**
   * Leaves the proof of a clean stop, and frees the folder for other processes. Nothing may write to it any more.
   * Rejects when the proof could not be written; the folder is free all the same.
   */
  async close(): Promise<void> {
    try {
      const { diskId } = this.#marker;
      if (this.#isAccounted) await leaveCleanStop(this.path, { diskId, generationId: this.#generationId });
    } catch (error) {
      throw folderError(this.path, error);
    } finally {
      this.#lock.release();
    }
  }
}

/** The marker if it is this node's; undefined in an empty folder. */
async function readOwnMarker({ path, nodeId }: DataFolderOptions): Promise<FolderMarker | undefined> {
  const text = await readFileIfThere(join(path, markerFileName));
  if (text === undefined) {
    const names = (await readdir(path)).filter((name) => !ignoredNames.has(name) && !isHalfWrittenMarker(name));
    if (names.length === 0) return undefined;
    throw foreign(path, `it is not empty (${names.slice(0, 3).join(', ')}) and has no ${markerFileName}`);
  }
  const marker = parseMarker(text);
  if ('problem' in marker) throw foreign(path, marker.problem);
  if (marker.nodeId !== nodeId) throw foreign(path, `it is the data folder of node ${marker.nodeId}, not of ${nodeId}`);
  return marker;
}

/** Not `mkdir` with `recursive`: that tries for ever where the system allows no folders, as in /proc. */
async function makeFolder(path: string): Promise<void> {
  const parent = dirname(path);
  if ((await tryFolder(path)) || parent === path) return;
  await makeFolder(parent);
  if (await tryFolder(path)) return;
  throw new StratumError('DATA_DIR_UNWRITABLE', `the system allows no folder ${path}`, undefined, {
    hint: 'choose another folder with --data-dir',
  });
}

/** Whether there is a folder now; false where its parent is missing. */
async function tryFolder(path: string): Promise<boolean> {
  try {
    await mkdir(path);
  } catch (error) {
    // A file of that name is refused when it is read as a folder.
    if (systemCode(error) === 'EEXIST') return true;
    if (systemCode(error) === 'ENOENT') return false;
    throw error;
  }
  return true;
}

async function initialise(options: DataFolderOptions, modules: DataFolderModules): Promise<FolderMarker> {
  const marker = {
    format: markerFormat,
    nodeId: options.nodeId,
    diskId: randomHex(modules.random, diskIdBytes),
    createdAtMs: modules.clock.nowMs(),
  } as const;
  await writeMarker(options.path, marker);
  return marker;
}

async function writeMarker(path: string, marker: FolderMarker): Promise<void> {
  await writeFileDurably(join(path, markerFileName), `${JSON.stringify(marker, undefined, 2)}\n`);
}

function isHalfWrittenMarker(name: string): boolean {
  return name.startsWith(`${temporaryFilePrefix}${markerFileName}.`) && name.endsWith(temporaryFileSuffix);
}

async function readGeneration(path: string): Promise<bigint> {
  const text = await readFileIfThere(path);
  if (text === undefined) return 0n;
  const [, digits] = /^\{"format":1,"generation":"(\d{1,20})"\}\s*$/.exec(text) ?? [];
  if (digits !== undefined) return BigInt(digits);
  throw new StratumError('DATA_CORRUPT', `${path} is not a generation record`, undefined, {
    hint: 'delete the file: the next generation is then taken from the clock',
  });
}

async function readFileIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function foreign(path: string, reason: string): StratumError {
  return new StratumError('DATA_DIR_FOREIGN', `${path} is not this node's data folder: ${reason}`, undefined, {
    hint: 'choose an empty folder with --data-dir, or the one that this node has used before',
  });
}

const reasons: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EROFS: 'the file system is read-only',
  ENOTDIR: 'a part of the path is not a folder',
  EISDIR: 'a folder is where a file belongs',
  ENAMETOOLONG: 'the name is too long',
  ELOOP: 'the path has a loop of symbolic links',
};

/** The system's refusals under their names in the error table; anything else unchanged. */
function folderError(path: string, error: unknown): unknown {
  const code = systemCode(error);
  if (error instanceof StratumError || code === undefined) return error;
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    const details = { what: 'free disk', limit: 0n };
    return new StratumError('DISK_FULL', `no room to write in the data folder ${path}`, details, { cause: error });
  }
  const message = `cannot use the data folder ${path}: ${reasons[code] ?? code}`;
  return new StratumError('DATA_DIR_UNWRITABLE', message, undefined, {
    hint: 'make the folder writable for this user, or choose another one with --data-dir',
    cause: error,
  });
}
