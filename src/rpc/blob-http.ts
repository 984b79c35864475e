import type { GrpcStatusName } from '../base/error-codes.ts';
import { StratumError } from '../base/errors.ts';
import { decodeErrorDetail, encodeErrorDetail } from './error-detail.ts';
import { ErrorDetail } from './gen/stratum/v1/errors.ts';

/**
 * Large blobs over HTTP/1.1, on the port of gRPC. Measured, a put to three nodes takes about half of the
 * processor time that it takes over gRPC (docs/performance.md).
 *
 * `PUT /blobs/<oid>` with Content-Length, `term`, `ringEpoch` and `timeoutMs`; a caller that sends
 * `Expect: 100-continue` is refused before it has sent the content. 200 carries `existed`.
 * `GET /blobs/<oid>` with `timeoutMs`, and a Range of bytes from an offset, to an end or without one.
 * 200 carries `size`; the body is chunked, so that a copy found to be damaged in mid-stream is said in
 * the trailer `error`: who gets fewer bytes than the range has must not take them for all.
 * Any other status has an encoded ErrorDetail as its body; so has the trailer, in base64.
 */
export const blobHeaders = {
  /** The caller's fence, decimal. */
  term: 'stratum-term',
  ringEpoch: 'stratum-ring-epoch',
  /** Milliseconds that the caller waits. */
  timeoutMs: 'stratum-timeout-ms',
  /** Bytes of the whole blob. */
  size: 'stratum-size',
  /** "true" when the node had the blob already. */
  existed: 'stratum-existed',
  /** Trailer: an encoded ErrorDetail, base64. */
  error: 'stratum-error',
} as const;

/** The longest that a caller may ask for, in milliseconds: a day, for the largest packs over the slowest links. */
export const blobTimeoutMsMax = 86_400_000;

/** The path of a blob begins with it, and ends with its id. */
export const blobPathPrefix = '/blobs/';

/** The statuses that google.rpc.Code names for its codes. */
const httpStatusOf: Readonly<Record<GrpcStatusName, number>> = {
  OK: 500, // An error whose gRPC status is OK is a command's verdict; no node answers with it.
  CANCELLED: 499,
  UNKNOWN: 500,
  INVALID_ARGUMENT: 400,
  DEADLINE_EXCEEDED: 504,
  NOT_FOUND: 404,
  ALREADY_EXISTS: 409,
  RESOURCE_EXHAUSTED: 429,
  FAILED_PRECONDITION: 400,
  ABORTED: 409,
  UNIMPLEMENTED: 501,
  INTERNAL: 500,
  UNAVAILABLE: 503,
  DATA_LOSS: 500,
};

/** The status and the body of an error. */
export function toHttpError(error: StratumError): { readonly status: number; readonly body: Buffer } {
  const bytes = ErrorDetail.encode(encodeErrorDetail(error)).finish();
  return { status: httpStatusOf[error.row.grpc], body: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length) };
}

/** The error of a body or trailer; DATA_CORRUPT when it is none. */
export function fromHttpError(body: Uint8Array): StratumError {
  try {
    const detail = ErrorDetail.decode(body);
    if (detail.code !== '') return decodeErrorDetail(detail);
    return new StratumError('DATA_CORRUPT', 'the answer is no error of this protocol');
  } catch (cause) {
    return new StratumError('DATA_CORRUPT', 'the answer is no error of this protocol', undefined, { cause });
  }
}
