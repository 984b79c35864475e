import type { IncomingMessage } from 'node:http';
import { type BlobHeaderValues, type BlobRequestLine, blobHeaders } from '../../../rpc/blob-http.ts';
import { invalidField } from '../request-fields.ts';

const uint64Max = 2n ** 64n - 1n;

/** A header that is a decimal number of at most 64 bits; INVALID_ARGUMENT names the header. */
export function headerBigInt({ headers }: IncomingMessage, name: string): bigint {
  const text = headers[name];
  const value = typeof text === 'string' && /^\d{1,20}$/.test(text) ? BigInt(text) : undefined;
  if (value !== undefined && value <= uint64Max) return value;
  throw invalidField(name, text === undefined ? 'missing' : 'not a number of 64 bits', 'a decimal number');
}

/** A header that is a decimal number up to `max`; INVALID_ARGUMENT names the header. */
export function headerNumber(request: IncomingMessage, name: string, max: number): number {
  const value = headerBigInt(request, name);
  if (value <= BigInt(max)) return Number(value);
  throw invalidField(name, `${value}`, `at most ${max}`);
}

/** The checksum that a request must have. */
export type RequestChecksum = (line: BlobRequestLine, headers: BlobHeaderValues) => string;

/** INVALID_ARGUMENT for a request that is not as it was sent: nothing of it is to be believed. */
export function checkRequest({ method = '', url = '', headers }: IncomingMessage, checksum: RequestChecksum): void {
  const said = headers[blobHeaders.checksum];
  const fitting = checksum({ method, path: url }, headers);
  if (said === fitting) return;
  throw invalidField(blobHeaders.checksum, said === undefined ? 'missing' : `${said}`, fitting);
}
