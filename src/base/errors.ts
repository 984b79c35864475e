import { type ErrorCode, type ErrorCodeRow, errorCodes } from './error-codes.ts';

/** Details of INVALID_ARGUMENT and CONFIG_INVALID. */
export interface InvalidArgumentDetails {
  readonly field: string;
  readonly reason: string;
  readonly expected?: string;
}

/** Details of NOT_LEADER; a missing id means that no leader is known. */
export interface NotLeaderDetails {
  readonly leaderId?: string;
  readonly leaderAddress?: string;
}

/** Details of NOT_PRIMARY. */
export interface NotPrimaryDetails {
  readonly partition: number;
  readonly primaryId?: string;
  readonly primaryAddress?: string;
  readonly epoch: bigint;
}

/** Details of REPO_MOVED: where to ask for the name. */
export interface RepoMovedDetails {
  readonly partition: number;
}

/** Details of STALE_EPOCH and STALE_TERM. */
export interface StaleFenceDetails {
  readonly fence: 'term' | 'ring_epoch' | 'partition_epoch';
  readonly sent: bigint;
  readonly current: bigint;
}

/** Details of ZOMBIE_NODE. */
export interface ZombieNodeDetails {
  readonly nodeId: string;
  readonly expectedGeneration: bigint;
  readonly givenGeneration: bigint;
}

/** Details of VERSION_CONFLICT and REF_CONFLICT. */
export interface VersionConflictDetails {
  readonly what: string;
  readonly expected: string;
  readonly current: string;
}

/** Details of every code that ends in NOT_FOUND or EXISTS. */
export interface ResourceDetails {
  readonly kind: string;
  readonly id: string;
}

/** What went wrong at one node. */
export interface NodeFailure {
  readonly nodeId: string;
  readonly endpoint: string;
  readonly attempt: number;
  readonly error: StratumError;
}

/** Details of INSUFFICIENT_REPLICAS: one entry for each node that failed. */
export interface InsufficientReplicasDetails {
  readonly required: number;
  readonly achieved: number;
  readonly nodes: readonly NodeFailure[];
}

/** Details of NO_LEADER, NO_QUORUM and NOT_READY. */
export interface UnavailableDetails {
  readonly what: string;
  readonly sinceMs?: number;
  readonly have?: number;
  readonly need?: number;
}

/** Details of CHECKSUM_MISMATCH; hashes in hex. */
export interface ChecksumMismatchDetails {
  readonly oid: string;
  readonly nodeId?: string;
  readonly expected: string;
  readonly got: string;
}

/** Details of RATE_LIMITED and OVERLOADED. */
export interface RateLimitedDetails {
  readonly retryAfterMs: number;
}

/** Details of UNREACHABLE and DEADLINE_EXCEEDED. */
export interface EndpointDetails {
  readonly endpoint: string;
  readonly method?: string;
  readonly attempt?: number;
  readonly timeoutMs?: number;
}

/** Details of DISK_FULL and TOO_LARGE, in bytes unless `what` says otherwise. */
export interface LimitDetails {
  readonly what: string;
  readonly limit: bigint;
  readonly actual?: bigint;
}

/** The details that each code carries; codes that are not named carry none. */
export interface ErrorDetailsByCode {
  INVALID_ARGUMENT: InvalidArgumentDetails;
  CONFIG_INVALID: InvalidArgumentDetails;
  NOT_LEADER: NotLeaderDetails;
  NOT_PRIMARY: NotPrimaryDetails;
  REPO_MOVED: RepoMovedDetails;
  STALE_EPOCH: StaleFenceDetails;
  STALE_TERM: StaleFenceDetails;
  ZOMBIE_NODE: ZombieNodeDetails;
  VERSION_CONFLICT: VersionConflictDetails;
  REF_CONFLICT: VersionConflictDetails;
  NOT_FOUND: ResourceDetails;
  NODE_NOT_FOUND: ResourceDetails;
  REPO_NOT_FOUND: ResourceDetails;
  BLOB_NOT_FOUND: ResourceDetails;
  CONTEXT_NOT_FOUND: ResourceDetails;
  REPO_EXISTS: ResourceDetails;
  INSUFFICIENT_REPLICAS: InsufficientReplicasDetails;
  NO_LEADER: UnavailableDetails;
  NO_QUORUM: UnavailableDetails;
  NOT_READY: UnavailableDetails;
  CHECKSUM_MISMATCH: ChecksumMismatchDetails;
  RATE_LIMITED: RateLimitedDetails;
  OVERLOADED: RateLimitedDetails;
  UNREACHABLE: EndpointDetails;
  DEADLINE_EXCEEDED: EndpointDetails;
  DISK_FULL: LimitDetails;
  TOO_LARGE: LimitDetails;
}

/** The details of a code. */
export type ErrorDetails<C extends ErrorCode> = C extends keyof ErrorDetailsByCode ? ErrorDetailsByCode[C] : undefined;

/** What an error carries beside code and message. */
export interface StratumErrorOptions {
  /** What to do about it, a sentence for people. */
  readonly hint?: string | undefined;
  /** The error that led to this one. */
  readonly cause?: unknown;
}

/**
 * The one error class. Programs branch on `code` and read `details`; `message` says what and
 * where, `hint` what to do. Both survive the wire (src/rpc/error-mapping.ts).
 */
export class StratumError<C extends ErrorCode = ErrorCode> extends Error {
  readonly code: C;
  readonly details: ErrorDetails<C>;
  readonly hint: string | undefined;

  constructor(
    code: C,
    message: string,
    ...rest: ErrorDetails<C> extends undefined
      ? [details?: undefined, options?: StratumErrorOptions]
      : [details: ErrorDetails<C>, options?: StratumErrorOptions]
  ) {
    const [details, options] = rest;
    super(message, options?.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'StratumError';
    this.code = code;
    this.details = details as ErrorDetails<C>;
    this.hint = options?.hint;
  }

  /** The row of the error table. */
  get row(): ErrorCodeRow {
    return errorCodes[this.code];
  }
}

/** Whether a caught value is a StratumError of this code; narrows its details. */
export function hasCode<C extends ErrorCode>(error: unknown, code: C): error is StratumError<C> {
  return error instanceof StratumError && error.code === code;
}

/** Any caught value as a StratumError; what is not one yet becomes INTERNAL with the value as cause. */
export function asStratumError(value: unknown): StratumError {
  if (value instanceof StratumError) return value;
  const message = value instanceof Error ? value.message : String(value);
  return new StratumError('INTERNAL', message, undefined, { cause: value });
}

/** The messages of an error and its causes, outermost first, without repetition. */
export function explain(error: unknown): string {
  const parts: string[] = [];
  for (let at: unknown = error; at !== undefined && at !== null; at = at instanceof Error ? at.cause : undefined) {
    const text = at instanceof Error ? at.message : String(at);
    if (text !== '' && !parts.some((part) => part.includes(text))) parts.push(text);
  }
  return parts.join(': ');
}

/** The `code` of a Node.js system error (ENOENT, EADDRINUSE and the like), if it is one. */
export function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** Ends the process's current work with a bug report when a condition that must hold does not. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new StratumError('INTERNAL', `assertion failed: ${message}`);
}
