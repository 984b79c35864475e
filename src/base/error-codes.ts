/**
 * The one table of errors. `grpc` is the status name of the gRPC specification, `exit` the exit
 * code of the command line (docs/contract in contracts: section 5), `retryable` says that the same
 * call may succeed later without anybody changing anything. docs/errors.md is made from it.
 */
export const errorCodes = {
  INVALID_ARGUMENT: row('INVALID_ARGUMENT', 2, false, 'A field of the request is wrong.'),
  CONFIG_INVALID: row('INVALID_ARGUMENT', 2, false, 'A setting has an unknown key or a bad value.'),
  USAGE: row('INVALID_ARGUMENT', 2, false, 'The command line does not parse.'),
  NOT_LEADER: row('FAILED_PRECONDITION', 7, true, 'Another coordinator leads; the details say which.'),
  NOT_PRIMARY: row('FAILED_PRECONDITION', 7, true, 'Another metadata node is the primary of the partition.'),
  REPO_MOVED: row('FAILED_PRECONDITION', 7, true, 'The repository is in another partition than its name leads to.'),
  STALE_EPOCH: row('FAILED_PRECONDITION', 8, true, 'The caller works from an older ring or partition.'),
  STALE_TERM: row('FAILED_PRECONDITION', 8, true, 'The caller works from the topology of a deposed leader.'),
  ZOMBIE_NODE: row('FAILED_PRECONDITION', 8, false, 'A newer process has taken over this node id.'),
  UNSAFE: row('FAILED_PRECONDITION', 9, false, 'Refused because data could be lost.'),
  CONFIRMATION_REQUIRED: row('FAILED_PRECONDITION', 9, false, 'The change was not confirmed.'),
  DATA_DIR_FOREIGN: row('FAILED_PRECONDITION', 1, false, 'The folder holds something that is not this node’s.'),
  DATA_DIR_LOCKED: row('FAILED_PRECONDITION', 8, true, 'Another process uses the folder.'),
  DATA_DIR_UNWRITABLE: row('FAILED_PRECONDITION', 1, false, 'The folder cannot be created or written.'),
  DATA_CORRUPT: row('DATA_LOSS', 6, false, 'A stored record cannot be read.'),
  PORT_IN_USE: row('FAILED_PRECONDITION', 1, true, 'Another process listens on the address.'),
  INSECURE_LISTEN: row('FAILED_PRECONDITION', 9, false, 'Listening beyond loopback needs --insecure-listen.'),
  ETCD_MISSING: row('FAILED_PRECONDITION', 1, false, 'There is no etcd program on this machine.'),
  ETCD_FAILED: row('FAILED_PRECONDITION', 1, true, 'The etcd member could not be started, or ended.'),
  VERSION_CONFLICT: row('ABORTED', 8, true, 'A compare-and-swap found another value.'),
  NOT_FOUND: row('NOT_FOUND', 3, false, 'There is no such thing.'),
  NODE_NOT_FOUND: row('NOT_FOUND', 3, false, 'No such node is registered.'),
  REPO_NOT_FOUND: row('NOT_FOUND', 3, false, 'There is no such repository.'),
  BLOB_NOT_FOUND: row('NOT_FOUND', 3, false, 'No entitled node holds the blob.'),
  CONTEXT_NOT_FOUND: row('NOT_FOUND', 3, false, 'No such context is configured.'),
  REPO_EXISTS: row('ALREADY_EXISTS', 8, false, 'A repository of that name is there already.'),
  REF_CONFLICT: row('ABORTED', 8, false, 'The ref does not have the expected value, or its name clashes with another.'),
  REF_NAME_INVALID: row('INVALID_ARGUMENT', 2, false, 'git check-ref-format refuses the name.'),
  INSUFFICIENT_REPLICAS: row('UNAVAILABLE', 6, true, 'Fewer nodes than required answered as required.'),
  NO_LEADER: row('UNAVAILABLE', 7, true, 'No coordinator leads at the moment.'),
  NO_QUORUM: row('UNAVAILABLE', 6, true, 'The consensus engine has no majority.'),
  NOT_READY: row('UNAVAILABLE', 7, true, 'The cluster is still forming.'),
  UNREACHABLE: row('UNAVAILABLE', 7, true, 'The peer cannot be reached.'),
  SHUTTING_DOWN: row('UNAVAILABLE', 7, true, 'The process is ending.'),
  OVERLOADED: row('RESOURCE_EXHAUSTED', 1, true, 'A queue is full.'),
  RATE_LIMITED: row('RESOURCE_EXHAUSTED', 1, true, 'Too many requests; the details say when to come back.'),
  DISK_FULL: row('RESOURCE_EXHAUSTED', 1, true, 'The disk has too little room.'),
  TOO_LARGE: row('INVALID_ARGUMENT', 1, false, 'The input is over a limit.'),
  CHECKSUM_MISMATCH: row('DATA_LOSS', 6, false, 'Content does not hash to its name.'),
  DEADLINE_EXCEEDED: row('DEADLINE_EXCEEDED', 7, true, 'No answer within the deadline; the outcome is unknown.'),
  WAIT_TIMEOUT: row('DEADLINE_EXCEEDED', 124, true, 'The wait timed out; what was waited for goes on.'),
  CANCELLED: row('CANCELLED', 130, true, 'The caller went away.'),
  PROTOCOL_ERROR: row('INVALID_ARGUMENT', 1, false, 'The peer does not speak the Git protocol as it should.'),
  PACK_INVALID: row('INVALID_ARGUMENT', 1, false, 'The pack is truncated, corrupt or lacks objects.'),
  GIT_FAILED: row('INTERNAL', 1, false, 'A git process ended with an error.'),
  DEGRADED: row('OK', 5, true, 'Quorum holds, redundancy is reduced.'),
  PARTIAL: row('UNKNOWN', 10, true, 'Some targets failed.'),
  UNIMPLEMENTED: row('UNIMPLEMENTED', 1, false, 'This version does not have it yet.'),
  INTERNAL: row('INTERNAL', 1, false, 'A bug in Stratum.'),
} as const satisfies Record<string, ErrorCodeRow>;

/** A row of the error table. */
export interface ErrorCodeRow {
  readonly grpc: GrpcStatusName;
  readonly exit: number;
  readonly retryable: boolean;
  readonly summary: string;
}

/** The names of gRPC's status codes that the table uses. */
export type GrpcStatusName =
  | 'OK'
  | 'CANCELLED'
  | 'UNKNOWN'
  | 'INVALID_ARGUMENT'
  | 'DEADLINE_EXCEEDED'
  | 'NOT_FOUND'
  | 'ALREADY_EXISTS'
  | 'RESOURCE_EXHAUSTED'
  | 'FAILED_PRECONDITION'
  | 'ABORTED'
  | 'UNIMPLEMENTED'
  | 'INTERNAL'
  | 'UNAVAILABLE'
  | 'DATA_LOSS';

/** A code of the error table. */
export type ErrorCode = keyof typeof errorCodes;

/** Whether a string from outside is a code of the table. */
export function isErrorCode(value: string): value is ErrorCode {
  return Object.hasOwn(errorCodes, value);
}

function row(grpc: GrpcStatusName, exit: number, retryable: boolean, summary: string): ErrorCodeRow {
  return { grpc, exit, retryable, summary };
}
