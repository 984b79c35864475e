import type { ErrorCode } from '../../base/error-codes.ts';
import { explain, type StratumError } from '../../base/errors.ts';

/** Errors of a swap after which nothing was changed for certain. After any other the outcome is unknown. */
const certainFailures: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'INVALID_ARGUMENT',
  'REF_NAME_INVALID',
  'REF_CONFLICT',
  'REPO_NOT_FOUND',
  'REPO_MOVED',
  'NOT_FOUND',
  'TOO_LARGE',
  'OVERLOADED',
  'RATE_LIMITED',
  'DISK_FULL',
  'INSUFFICIENT_REPLICAS',
  'NOT_READY',
  'NOT_PRIMARY',
  'SHUTTING_DOWN',
  'STALE_EPOCH',
  'VERSION_CONFLICT',
  'UNIMPLEMENTED',
]);

/** What a pusher is told of a failure before the swap: nothing was changed, and whether another try makes sense. */
export function failureWords(error: StratumError): string {
  return error.row.retryable ? `${explain(error)}; try again` : explain(error);
}

/** What a pusher is told when the swap failed: that nothing was changed, or that nobody knows. */
export function swapFailureWords(error: StratumError): string {
  if (certainFailures.has(error.code)) return `not updated: ${failureWords(error)}`;
  return `outcome unknown: ${explain(error)}; look whether it was done (git ls-remote) before you push again`;
}
