/** Where a producer writes a response. */
export interface PackOutput {
  /**
   * Adds bytes to the end; the chunk must not be changed any more. One call at a time. Waits for readers only when the
   * response cannot be kept on the disk. Rejects when nobody wants the response any more.
   */
  write(chunk: Buffer): Promise<void>;
}

/**
 * Makes a response: writes all its bytes in order. 'keep': it may be stored, from the second request on. 'keep-now':
 * store it at once, as it is known to be asked for again and again. 'answer-only': it is right for those who
 * wait for it now, and never stored (an ERR line). A rejection says that the response failed; every reader's fails
 * with it. The signal aborts when the last reader has gone.
 */
export type PackProducer = (output: PackOutput, signal: AbortSignal) => Promise<PackOutcome>;

/** What is to become of a response that was made. */
export type PackOutcome = 'keep' | 'keep-now' | 'answer-only';

/** Where a reader wants a response. */
export interface ByteSink {
  /** Called once, before the first byte; a size that is known may go out as Content-Length. */
  begin(sizeBytes: number | undefined): void;
  /** Takes bytes at the reader's pace; the chunk is never changed afterwards. Must reject when the reader is gone. */
  write(chunk: Buffer): Promise<void>;
}

/** How a response was served. */
export type ServeOutcome = 'hit' | 'join' | 'miss';

/** What was served. */
export interface Served {
  /** From a finished response, from one that was being made for another, or made for this reader. */
  readonly outcome: ServeOutcome;
  readonly bytes: number;
  /** Milliseconds of a producer's work that were not needed a second time; 0 for a miss. */
  readonly savedMs: number;
}
