import {
  ClientClosedError,
  EtcdAuthenticationFailedError,
  EtcdInvalidAuthTokenError,
  EtcdPermissionDeniedError,
  GRPCResourceExhastedError,
} from 'etcd3';
import { StratumError } from '../../base/errors.ts';

/** What etcd says when its quota is used up; its client library has no class for it. */
const noSpaceText = 'database space exceeded';

/** A failed call to etcd as an error of ours. `what` names the call. */
export function fromEtcdError(error: unknown, what: string): StratumError {
  if (error instanceof StratumError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  const message = `etcd, ${what}: ${reason}`;
  if (error instanceof ClientClosedError)
    return new StratumError('SHUTTING_DOWN', message, undefined, { cause: error });
  if (error instanceof GRPCResourceExhastedError || reason.includes(noSpaceText)) {
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
    return new StratumError('CONFIG_INVALID', message, details, { cause: error });
  }
  return new StratumError('NO_QUORUM', message, { what: 'etcd' }, { cause: error });
}

function isRefusedUser(error: unknown): boolean {
  return (
    error instanceof EtcdAuthenticationFailedError ||
    error instanceof EtcdPermissionDeniedError ||
    error instanceof EtcdInvalidAuthTokenError
  );
}
