import { asStratumError, hasCode } from '../../base/errors.ts';
import type { NodeCall } from './node-decorator.ts';

/** Whether the connection to the node has failed, and not what the node, the source or the caller did. */
export function isConnectionFailure(error: unknown, { source }: NodeCall): boolean {
  return hasCode(error, 'UNREACHABLE') && source?.hasThrown(error) !== true;
}

/** A call with less time than this may have had no chance, so that its time-out says nothing of the node. */
const telltaleTimeoutMinMs = 250;

/** Whether the node left a caller without an answer who gave it time for one. Hashing copies may take any time. */
export function isNodeTimeout(error: unknown, { source, options, verifies }: NodeCall): boolean {
  if (!hasCode(error, 'DEADLINE_EXCEEDED') || verifies === true) return false;
  if (source?.isAwaited === true || source?.hasThrown(error) === true) return false;
  return options.timeoutMs >= telltaleTimeoutMinMs;
}

/** Whether it was the caller who ended the call. */
export function isCallersEnd({ options }: NodeCall): boolean {
  return options.signal?.aborted === true;
}

/** OK, or the code of the error that ended a call; what its caller ended is CANCELLED, whatever reason he gave. */
export function resultOf(call: NodeCall, failure: { readonly error: unknown } | undefined): string {
  if (failure === undefined) return 'OK';
  return isCallersEnd(call) ? 'CANCELLED' : asStratumError(failure.error).code;
}
