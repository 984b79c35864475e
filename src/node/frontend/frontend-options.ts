import { GiB, MiB } from '../../base/units.ts';

/** What a frontend keeps on its disk and in memory; nothing of it is the only copy. */
export interface FrontendCacheOptions {
  /** Bytes of kept responses; 0 keeps none. */
  readonly packBytesMax: number;
  /** A larger response is not kept. */
  readonly packEntryBytesMax: number;
  /** Bytes of responses that are in memory as well. */
  readonly packMemoryBytesMax: number;
  /** A response that nobody asked for in so many milliseconds is dropped. */
  readonly packAgeMaxMs: number;
  /** Bytes of bare repositories. */
  readonly repositoryBytesMax: number;
  /** Responses to shallow clones are prepared after pushes. */
  readonly warming: boolean;
}

/** The settings of a frontend. */
export interface FrontendOptions {
  /** Who takes leases. */
  readonly nodeId: string;
  readonly host: string;
  /** 0 for one that the system chooses. */
  readonly port: number;
  /** Folder of the caches and quarantines; nothing in it is the only copy. */
  readonly cacheDir: string;
  /** The version of Stratum, for the agent capability. */
  readonly version: string;
  readonly createOnPush: boolean;
  readonly receivePackBytesMax: number;
  readonly gitProcessesMax: number;
  /** Requests that wait for a git process; default 256. */
  readonly gitQueueMax?: number;
  /** "git" unless given. */
  readonly gitPath?: string;
  /** Milliseconds for the response to one fetch. */
  readonly uploadPackTimeoutMs: number;
  readonly cache: FrontendCacheOptions;
  /** Repositories with many packs are repacked in the background. */
  readonly maintenance: boolean;
}

/** Files downloaded at once by one frontend. */
export const downloadsMax = 4;

/** A damaged repository is looked at byte by byte at most every ten minutes. */
export const contentCheckIntervalMs = 600_000;

/** Milliseconds for one metadata read. */
export const metadataTimeoutMs = 10_000;

/** Refs kept in memory: about 200 MB at the most. */
export const cachedRefsMax = 1_000_000;

/** Refs kept as the bytes that clients are sent: 80 a ref, in up to three shapes. */
export const encodedRefsBytesMax = 128 * MiB;

/** What caches leave free on the disk, for pushes in flight. */
export const cacheFreeBytesMin = GiB;

/** How long object nodes keep a response for other frontends, in milliseconds: a pipeline and its repetition. */
export const sharedTtlMs = 24 * 3_600_000;
