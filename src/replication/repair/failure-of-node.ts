import type { ErrorCode } from '../../base/error-codes.ts';
import type { StratumError } from '../../base/errors.ts';

/** Of the connection, of time and of load, of a full disk, and of the fence. */
const codes: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'UNREACHABLE',
  'SHUTTING_DOWN',
  'NOT_READY',
  'UNIMPLEMENTED',
  'DEADLINE_EXCEEDED',
  'OVERLOADED',
  'RATE_LIMITED',
  'DISK_FULL',
  'STALE_EPOCH',
  'STALE_TERM',
  'ZOMBIE_NODE',
]);

/**
 * Whether a failed call says that the next one to this node would fail as well. Every other error, a
 * file that cannot be written for example, is taken for one of the blob alone.
 */
export function isFailureOfNode({ code }: StratumError): boolean {
  return codes.has(code);
}
