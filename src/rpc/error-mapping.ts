import { type Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { isErrorCode } from '../base/error-codes.ts';
import { asStratumError, StratumError } from '../base/errors.ts';
import { decodeErrorDetail, encodeErrorDetail } from './error-detail.ts';
import { ErrorDetail, RpcStatus } from './gen/stratum/v1/errors.ts';
import { messageBytesMax } from './limits.ts';

/** The standard trailer for typed details, understood by grpcurl and the like. */
export const statusDetailsTrailer = 'grpc-status-details-bin';

const detailTypeUrl = 'type.googleapis.com/stratum.v1.ErrorDetail';

/** The gRPC status and trailer of an error. */
export function toRpcStatus(error: unknown): {
  code: number;
  details: string;
  trailer: Buffer;
} {
  const known = asStratumError(error);
  const code = status[known.row.grpc === 'OK' ? 'UNKNOWN' : known.row.grpc];
  const value = Buffer.from(ErrorDetail.encode(encodeErrorDetail(known)).finish());
  const rpcStatus = {
    code,
    message: known.message,
    details: [{ typeUrl: detailTypeUrl, value }],
  };
  return {
    code,
    details: known.message,
    trailer: Buffer.from(RpcStatus.encode(rpcStatus).finish()),
  };
}

/** Where a call went, for the details of transport errors. */
export interface CallOrigin {
  readonly endpoint: string;
  readonly method: string;
  readonly timeoutMs: number;
}

/** The StratumError of a failed call: the peer's own when it sent one, otherwise one for the transport's failure. */
export function fromRpcError(error: unknown, origin: CallOrigin): StratumError {
  if (error instanceof StratumError) return error;
  if (!isServiceError(error)) return asStratumError(error);
  const detail = readTrailer(error.metadata);
  if (detail !== undefined && isErrorCode(detail.code)) return decodeErrorDetail(detail);
  const where = `${origin.method} at ${origin.endpoint}`;
  const timeoutMs = Math.round(origin.timeoutMs);
  const endpoint = { endpoint: origin.endpoint, method: origin.method, timeoutMs };
  switch (error.code) {
    case status.DEADLINE_EXCEEDED:
      return new StratumError('DEADLINE_EXCEEDED', `${where} gave no answer within ${timeoutMs} ms`, endpoint, {
        cause: error,
      });
    case status.UNAVAILABLE:
      return new StratumError('UNREACHABLE', `${where}: ${connectFailure(error.details)}`, endpoint);
    case status.RESOURCE_EXHAUSTED: {
      const details = { what: 'gRPC message', limit: BigInt(messageBytesMax) };
      return new StratumError('TOO_LARGE', `${where}: ${error.details}`, details, { cause: error });
    }
    case status.CANCELLED:
    case status.INTERNAL:
      if (!isPeersAnswer(error)) {
        return new StratumError('UNREACHABLE', `${where}: the call broke off: ${error.details}`, endpoint, {
          cause: error,
        });
      }
      return error.code === status.CANCELLED
        ? new StratumError('CANCELLED', `${where} was cancelled`, undefined, { cause: error })
        : new StratumError('INTERNAL', `${where}: ${error.message}`, undefined, { cause: error });
    case status.UNIMPLEMENTED:
      return new StratumError('UNIMPLEMENTED', `${where}: ${error.details}`, undefined, { cause: error });
    default:
      return new StratumError('INTERNAL', `${where}: ${error.message}`, undefined, { cause: error });
  }
}

/**
 * Whether CANCELLED or INTERNAL was said by the peer. grpc-js reports so too what has no answer of the peer: a session
 * that the peer ended (RST_STREAM with CANCEL when it was killed in an orderly way), bytes that are no HTTP/2, a message
 * that cannot be read. It gives no field that tells them apart, but a status of its own making has no metadata, while
 * a peer's comes with headers. A caller who cancels is told his own reason and never gets here.
 */
function isPeersAnswer({ metadata }: ServiceError): boolean {
  return Object.keys(metadata.getMap()).length > 0;
}

/** grpc-js wraps the system's words in its own; only the system's help somebody who reads them. */
function connectFailure(details: string): string {
  const inner = details.replace(/^No connection established\. Last error: (?:Error: )?/, '');
  return inner.replace(/\.?\s*Resolution note:.*$/s, '');
}

function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && 'code' in error && typeof error.code === 'number' && 'metadata' in error;
}

function readTrailer(metadata: Metadata | undefined): ErrorDetail | undefined {
  const [bytes] = metadata?.get(statusDetailsTrailer) ?? [];
  if (!Buffer.isBuffer(bytes)) return undefined;
  try {
    const [detail] = RpcStatus.decode(bytes).details;
    return detail?.typeUrl === detailTypeUrl ? ErrorDetail.decode(detail.value) : undefined;
  } catch {
    return undefined; // A trailer of another server's making: its status code still says what happened.
  }
}
