import { createHash, hash } from 'node:crypto';
import { StratumError } from '../base/errors.ts';
import type { Oid } from '../base/oid.ts';

/**
 * Passes the chunks of a blob on and checks them: INVALID_ARGUMENT as soon as there are more than
 * `size` bytes, or at the end when there are fewer; CHECKSUM_MISMATCH at the end when they do not
 * hash to `oid`. The content is good only when the iteration has ended without an error.
 */
export async function* checkedContent(
  oid: Oid,
  size: number,
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  const sha256 = createHash('sha256');
  let bytes = 0;
  for await (const chunk of chunks) {
    bytes += chunk.length;
    if (bytes > size) throw wrongSize(oid, size, `more than ${size} bytes came`);
    sha256.update(chunk);
    yield chunk;
  }
  if (bytes < size) throw wrongSize(oid, size, `only ${bytes} bytes came`);
  const got = sha256.digest('hex');
  if (got !== oid) throw contentMismatch(oid, got);
}

/** Checks content that is in memory: the error of one that does not hash to `oid`, else undefined. */
export function checkContent(oid: Oid, content: Uint8Array): StratumError<'CHECKSUM_MISMATCH'> | undefined {
  // One call, and no Hash object for the collector; as hex, which for small content is faster than as a Buffer.
  const got = hash('sha256', content, 'hex');
  return got === oid ? undefined : contentMismatch(oid, got);
}

/** The error of content that does not hash to its name. */
export function contentMismatch(oid: Oid, got: string): StratumError<'CHECKSUM_MISMATCH'> {
  const message = `the content sent for blob ${oid} hashes to ${got}`;
  return new StratumError('CHECKSUM_MISMATCH', message, { oid, expected: oid, got });
}

/** The error of a copy on this disk that must not be served. */
export function damagedCopy(oid: Oid, got: string): StratumError<'CHECKSUM_MISMATCH'> {
  const message = `the stored copy of blob ${oid} is damaged (${got}); it is in quarantine`;
  const hint = 'read it from another replica; a new put heals this one';
  return new StratumError('CHECKSUM_MISMATCH', message, { oid, expected: oid, got }, { hint });
}

function wrongSize(oid: Oid, size: number, reason: string): StratumError<'INVALID_ARGUMENT'> {
  const details = { field: 'size', reason, expected: `${size} bytes` };
  return new StratumError('INVALID_ARGUMENT', `blob ${oid} was announced with ${size} bytes: ${reason}`, details);
}
