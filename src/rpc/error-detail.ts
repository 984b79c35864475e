import { type ErrorCode, isErrorCode } from '../base/error-codes.ts';
import { asStratumError, type NodeFailure, StratumError, type StratumErrorOptions } from '../base/errors.ts';
import { ErrorDetail } from './gen/stratum/v1/errors.ts';

type Detail = NonNullable<ErrorDetail['detail']>;

/** Causes below this depth are left out; a longer chain says nothing more to a reader. */
const causeDepthMax = 8;

/** An error as it crosses the wire. */
export function encodeErrorDetail(error: StratumError, depth = 0): ErrorDetail {
  const cause = error.cause === undefined || depth >= causeDepthMax ? undefined : asStratumError(error.cause);
  return {
    code: error.code,
    message: error.message,
    hint: error.hint ?? '',
    cause: cause === undefined ? undefined : encodeErrorDetail(cause, depth + 1),
    detail: encodeDetails(error, depth),
  };
}

/** An error from the wire; a code that this version does not know becomes INTERNAL with the code in its message. */
export function decodeErrorDetail(detail: ErrorDetail): StratumError {
  const code: ErrorCode = isErrorCode(detail.code) ? detail.code : 'INTERNAL';
  const message = code === detail.code ? detail.message : `${detail.code}: ${detail.message}`;
  const options: StratumErrorOptions = {
    hint: detail.hint === '' ? undefined : detail.hint,
    cause: detail.cause === undefined ? undefined : decodeErrorDetail(detail.cause),
  };
  // The constructor's signature ties details to the code; here both come from the wire.
  return new (StratumError as WireConstructor)(code, message, decodeDetails(detail.detail), options);
}

type WireConstructor = new (
  code: ErrorCode,
  message: string,
  details: unknown,
  options: StratumErrorOptions,
) => StratumError;

function is<C extends ErrorCode>(error: StratumError, ...codes: C[]): error is StratumError<C> {
  return (codes as ErrorCode[]).includes(error.code);
}

function encodeDetails(error: StratumError, depth: number): Detail | undefined {
  if (error.details === undefined) return undefined;
  if (is(error, 'INVALID_ARGUMENT', 'CONFIG_INVALID')) {
    const { field, reason, expected } = error.details;
    return {
      $case: 'invalidArgument',
      value: { field, reason, expected: expected ?? '' },
    };
  }
  if (is(error, 'NOT_LEADER')) {
    const { leaderId, leaderAddress } = error.details;
    return {
      $case: 'notLeader',
      value: { leaderId: leaderId ?? '', leaderAddress: leaderAddress ?? '' },
    };
  }
  if (is(error, 'NOT_PRIMARY')) {
    const { partition, primaryId, primaryAddress, epoch } = error.details;
    const value = {
      partition,
      primaryId: primaryId ?? '',
      primaryAddress: primaryAddress ?? '',
      epoch,
    };
    return { $case: 'notPrimary', value };
  }
  if (is(error, 'REPO_MOVED')) return { $case: 'repoMoved', value: { ...error.details } };
  if (is(error, 'STALE_EPOCH', 'STALE_TERM')) return { $case: 'staleFence', value: { ...error.details } };
  if (is(error, 'ZOMBIE_NODE')) return { $case: 'zombieNode', value: { ...error.details } };
  if (is(error, 'VERSION_CONFLICT', 'REF_CONFLICT')) return { $case: 'versionConflict', value: { ...error.details } };
  if (
    is(error, 'NOT_FOUND', 'NODE_NOT_FOUND', 'REPO_NOT_FOUND', 'BLOB_NOT_FOUND', 'CONTEXT_NOT_FOUND', 'REPO_EXISTS')
  ) {
    return { $case: 'resource', value: { ...error.details } };
  }
  if (is(error, 'INSUFFICIENT_REPLICAS')) {
    const { required, achieved, nodes } = error.details;
    const failures = nodes.map((failure) => ({
      ...failure,
      error: encodeErrorDetail(failure.error, depth + 1),
    }));
    return {
      $case: 'insufficientReplicas',
      value: { required, achieved, nodes: failures },
    };
  }
  return encodeLimits(error);
}

function encodeLimits(error: StratumError): Detail | undefined {
  if (is(error, 'NO_LEADER', 'NO_QUORUM', 'NOT_READY')) {
    const { what, sinceMs, have, need } = error.details;
    return {
      $case: 'unavailable',
      value: {
        what,
        sinceMs: BigInt(sinceMs ?? 0),
        have: have ?? 0,
        need: need ?? 0,
      },
    };
  }
  if (is(error, 'CHECKSUM_MISMATCH')) {
    return {
      $case: 'checksumMismatch',
      value: { ...error.details, nodeId: error.details.nodeId ?? '' },
    };
  }
  if (is(error, 'RATE_LIMITED', 'OVERLOADED')) {
    return {
      $case: 'rateLimited',
      value: { retryAfterMs: BigInt(error.details.retryAfterMs) },
    };
  }
  if (is(error, 'UNREACHABLE', 'DEADLINE_EXCEEDED')) {
    const { endpoint, method, attempt, timeoutMs } = error.details;
    const value = {
      endpoint,
      method: method ?? '',
      attempt: attempt ?? 1,
      timeoutMs: BigInt(timeoutMs ?? 0),
    };
    return { $case: 'endpoint', value };
  }
  if (is(error, 'DISK_FULL', 'TOO_LARGE')) {
    return {
      $case: 'limit',
      value: { ...error.details, actual: error.details.actual ?? 0n },
    };
  }
  return undefined;
}

/** Drops empty strings and zeros, which stand for "not given" on the wire. */
function given<T>(value: T): T | undefined {
  return value === '' || value === 0 || value === 0n ? undefined : value;
}

function compact(fields: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

function decodeDetails(detail: ErrorDetail['detail']): unknown {
  if (detail === undefined) return undefined;
  switch (detail.$case) {
    case 'invalidArgument':
      return compact({
        ...detail.value,
        expected: given(detail.value.expected),
      });
    case 'notLeader':
      return compact({
        leaderId: given(detail.value.leaderId),
        leaderAddress: given(detail.value.leaderAddress),
      });
    case 'notPrimary':
      return compact({
        ...detail.value,
        primaryId: given(detail.value.primaryId),
        primaryAddress: given(detail.value.primaryAddress),
      });
    case 'insufficientReplicas':
      return {
        ...detail.value,
        nodes: detail.value.nodes.map(decodeNodeFailure),
      };
    case 'unavailable':
      return compact({
        what: detail.value.what,
        sinceMs: given(Number(detail.value.sinceMs)),
        have: given(detail.value.have),
        need: given(detail.value.need),
      });
    case 'checksumMismatch':
      return compact({ ...detail.value, nodeId: given(detail.value.nodeId) });
    case 'rateLimited':
      return { retryAfterMs: Number(detail.value.retryAfterMs) };
    case 'endpoint':
      return compact({
        endpoint: detail.value.endpoint,
        method: given(detail.value.method),
        attempt: given(detail.value.attempt),
        timeoutMs: given(Number(detail.value.timeoutMs)),
      });
    case 'limit':
      return compact({ ...detail.value, actual: given(detail.value.actual) });
    default:
      return detail.value;
  }
}

function decodeNodeFailure(failure: {
  nodeId: string;
  endpoint: string;
  attempt: number;
  error?: ErrorDetail | undefined;
}): NodeFailure {
  const { nodeId, endpoint, attempt } = failure;
  return {
    nodeId,
    endpoint,
    attempt,
    error: decodeErrorDetail(failure.error ?? ErrorDetail.fromPartial({})),
  };
}
