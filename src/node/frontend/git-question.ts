/** Where git is asked something, and for whom. */
export interface GitQuestion {
  /** The repository, which may be a quarantine. */
  readonly gitDir: string;
  /** Whose turn it uses up: the repository's id, or its name while it has none. */
  readonly fairKey: string;
  readonly signal: AbortSignal;
}

/** Milliseconds for an answer that git has to walk the history for at most. */
export const questionTimeoutMs = 1_800_000;
