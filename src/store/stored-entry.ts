/** What an entry folder knows of one entry. Times are in milliseconds since the Unix epoch. */
export interface StoredEntry {
  /** 64 hex digits. */
  readonly key: string;
  readonly sizeBytes: number;
  /** CRC-32 of the content. */
  readonly crc32: number;
  readonly storedAtMs: number;
  /** When it was last read; after a restart at most a minute too early. */
  readonly usedAtMs: number;
  /** When it ends whether it is used or not; undefined for never. */
  readonly expiresAtMs: number | undefined;
  /** What its making took, in milliseconds; 0 when its owner did not say. */
  readonly costMs: number;
  /** Short text of the owner, such as a repository's id; at most 128 bytes of UTF-8. */
  readonly tag: string;
}

/** An entry that is being read; it stays readable until `release`, also when it is evicted meanwhile. */
export interface EntryReader {
  readonly entry: StoredEntry;
  /**
   * Reads into `buffer` from a position of the content; gives how many bytes came: 0 only at the end. One read at a
   * time. An entry that nobody has checked since the start of the process is checked by a reader that reads it from
   * byte 0 to its end in order. CHECKSUM_MISMATCH (the entry is deleted then) instead of the bytes that showed it: of
   * an entry that is read in one piece not one wrong byte is given.
   */
  read(buffer: Buffer, position: number): Promise<number>;
  /** Ends the reading; may be called again without effect. A read under way may still finish. */
  release(): void;
}

/** An entry that is being written. `commit` or `abort` must come, and `release` after all reading. */
export interface EntryWriter {
  /** Bytes that were appended and can be read. */
  readonly bytes: number;
  /**
   * Adds bytes to the end; the chunk must not be changed any more. One call at a time. DISK_FULL, TOO_LARGE or the
   * disk's own error: the chunk was not taken, all before it stay readable, and the entry can only be aborted.
   */
  append(chunk: Buffer): Promise<void>;
  /** Reads what was appended, also after commit and abort, until `release`; gives how many bytes came: 0 only at the end. */
  read(buffer: Buffer, position: number): Promise<number>;
  /** What was appended lately is still in memory: bytes from a position on, not to be changed; undefined where they are not. */
  recent(position: number): Buffer | undefined;
  /** Stores the entry; it can be acquired as soon as this resolves. Rejects as `append` does; nothing is stored then. */
  commit(ending?: EntryEnding): Promise<StoredEntry>;
  /** Gives the entry up; may be called at any time, also after a failed commit. */
  abort(): Promise<void>;
  /** Nobody reads any more; may be called again without effect. */
  release(): void;
}

/** What is known of an entry at its end. */
export interface EntryEnding {
  readonly expiresAtMs?: number | undefined;
  readonly costMs?: number | undefined;
}
