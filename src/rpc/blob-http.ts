import { crc32 } from 'node:zlib';
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
 * Any other status has as its body the CRC-32 of an encoded ErrorDetail, big-endian, and the ErrorDetail;
 * so has the trailer, in base64.
 * A flipped bit must not raise a node's fence, nor ask it for another blob: both sides send `checksum` over
 * what they say before the body, and refuse what it does not fit before they believe any of it.
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
  /** CRC-32 of the request, or of the answer to it, in 8 hexadecimal digits (see `requestChecksum`). */
  checksum: 'stratum-checksum',
  /** Trailer: an encoded ErrorDetail, base64. */
  error: 'stratum-error',
} as const;

/** What a checksum covers: the headers that a request and its answer are understood by, in this order. */
const coveredHeaders = {
  request: ['content-length', 'expect', 'range', blobHeaders.term, blobHeaders.ringEpoch, blobHeaders.timeoutMs],
  answer: [blobHeaders.size, blobHeaders.existed],
} as const;

/** Headers by their names in small letters. */
export type BlobHeaderValues = Readonly<Record<string, string | number | readonly string[] | undefined>>;

/** What is asked for, as the first line of a request says it. */
export interface BlobRequestLine {
  readonly method: string;
  readonly path: string;
}

/** The checksum of a request: its method, its path and its headers. */
export function requestChecksum({ method, path }: BlobRequestLine, headers: BlobHeaderValues): string {
  return headersChecksum(`${method} ${path}`, coveredHeaders.request, headers);
}

/** The checksum of a successful answer: its headers, and what it is an answer to. */
export function answerChecksum({ method, path }: BlobRequestLine, headers: BlobHeaderValues): string {
  return headersChecksum(`200 ${method} ${path}`, coveredHeaders.answer, headers);
}

/** CRC-32 of a first line and of these headers, in their order; 8 hexadecimal digits. */
export function headersChecksum(first: string, names: readonly string[], headers: BlobHeaderValues): string {
  const lines = names.map((name) => `\n${name}: ${headers[name] ?? ''}`);
  return crc32(first + lines.join(''))
    .toString(16)
    .padStart(8, '0');
}

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

/** Bytes of the checksum that an error begins with. */
const errorChecksumBytes = 4;

/** The status and the body of an error. */
export function toHttpError(error: StratumError): { readonly status: number; readonly body: Buffer } {
  const detail = ErrorDetail.encode(encodeErrorDetail(error)).finish();
  const body = Buffer.allocUnsafe(errorChecksumBytes + detail.length);
  body.writeUInt32BE(crc32(detail));
  body.set(detail, errorChecksumBytes);
  return { status: httpStatusOf[error.row.grpc], body };
}

/** The error of a body or trailer; DATA_CORRUPT when it is none, or not as it was sent. */
export function fromHttpError(body: Buffer): StratumError {
  const encoded = body.subarray(errorChecksumBytes);
  if (body.length < errorChecksumBytes || crc32(encoded) !== body.readUInt32BE()) return noError();
  try {
    const detail = ErrorDetail.decode(encoded);
    return detail.code === '' ? noError() : decodeErrorDetail(detail);
  } catch (cause) {
    return noError(cause);
  }
}

function noError(cause?: unknown): StratumError {
  return new StratumError('DATA_CORRUPT', 'the answer is no error of this protocol', undefined, { cause });
}
