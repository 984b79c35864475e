import {
  ClientClosedError,
  EtcdAuthenticationFailedError,
  EtcdInvalidAuthTokenError,
  EtcdPermissionDeniedError,
  GRPCInvalidArgumentError,
  GRPCResourceExhastedError,
} from 'etcd3';
import { StratumError } from '../../base/errors.ts';

/** A failed call to etcd as an error of ours. `what` names the call. */
export function fromEtcdError(error: unknown, what: string): StratumError {
  if (error instanceof StratumError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  const message = `etcd, ${what}: ${reason}`;
  if (error instanceof ClientClosedError)
    return new StratumError('SHUTTING_DOWN', message, undefined, { cause: error });
  if (error instanceof GRPCResourceExhastedError) {
    return new StratumError(
      'DISK_FULL',
      message,
      { what: 'database of etcd', limit: 0n },
      {
        hint: 'compact and defragment it, then `etcdctl alarm disarm`; or raise its --quota-backend-bytes',
        cause: error,
      },
    );
  }
  if (isRefusedUser(error)) {
    const details = { field: 'etcd.username', reason, expected: 'a user that may read and write below etcd.prefix' };
    const hint = 'when that etcd asks for a user, --etcd-username and --etcd-password-file name him and his password';
    return new StratumError('CONFIG_INVALID', message, details, { hint, cause: error });
  }
  return new StratumError('NO_QUORUM', message, { what: 'etcd' }, { cause: error });
}

/** etcd tells a caller without a user that his argument is invalid; what else it calls so no repetition mends either. */
function isRefusedUser(error: unknown): boolean {
  return (
    error instanceof EtcdAuthenticationFailedError ||
    error instanceof EtcdPermissionDeniedError ||
    error instanceof EtcdInvalidAuthTokenError ||
    error instanceof GRPCInvalidArgumentError
  );
}
