/** An entry as it is read. */
export interface SharedEntry {
  readonly sizeBytes: number;
  /**
   * The content, to be read once, as it comes. Ends only when its size and its CRC-32 are what was said of it, and
   * rejects otherwise: CHECKSUM_MISMATCH for other bytes, the last of which are not given; UNREACHABLE or
   * DEADLINE_EXCEEDED when they stop coming.
   */
  readonly chunks: AsyncIterable<Buffer>;
}

/** An entry as it is given. */
export interface SharedContent {
  readonly sizeBytes: number;
  readonly crc32: number;
  /** The content from its first byte; called when it is this entry's turn, if it ever is. */
  read(): AsyncIterable<Buffer>;
}

/** What goes with an entry. */
export interface SharedPutOptions {
  /** How long it may be served, in milliseconds. */
  readonly ttlMs: number;
  /** Whose it is, at most 128 bytes: the repository id. */
  readonly tag: string;
}

/** What has become of questions and of entries that were given, since the start of the process. */
export interface SharedCacheCounters {
  readonly hits: number;
  readonly misses: number;
  /** Questions that no node answered, and entries that broke off. */
  readonly failures: number;
  /** Questions that were not asked: it was not worth it, or no node could be. */
  readonly notAsked: number;
  readonly receivedBytes: number;
  readonly putsKept: number;
  /** A node had no room, or had the entry already on its way. */
  readonly putsRefused: number;
  readonly putsFailed: number;
  /** The queue was full. */
  readonly putsDropped: number;
  readonly sentBytes: number;
}

/**
 * What frontends share through the object nodes: bytes under a key of 64 hexadecimal digits, for a while. It is a
 * cache: entries are not replicated, and may be gone at any time.
 */
export interface SharedCache {
  /**
   * The entry of a key; undefined when no node has it, none answers in time, or it is not worth asking. Rejects with
   * the signal's reason alone; the signal ends the reading of the entry too.
   */
  get(key: string, signal: AbortSignal): Promise<SharedEntry | undefined>;
  /**
   * Brings an entry to a node, when it is its turn; resolves with whether it is kept. Never rejects: what does not
   * come to be is only counted.
   */
  put(key: string, content: SharedContent, options: SharedPutOptions, signal: AbortSignal): Promise<boolean>;
  /** An entry was computed, in so many milliseconds: feeds the judgement whether asking is worth it. */
  noteComputed(ms: number, bytes: number): void;
  readonly counters: SharedCacheCounters;
}
