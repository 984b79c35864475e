import { createHash } from 'node:crypto';
import { StratumError } from './errors.ts';

/** Bytes of an Oid. */
export const oidBytes = 32;

declare const oidBrand: unique symbol;

/** The id of a blob: the SHA-256 of its content as 64 lower-case hex digits. */
export type Oid = string & { readonly [oidBrand]: true };

/** Whether a string is an Oid. */
export function isOid(text: string): text is Oid {
  return /^[0-9a-f]{64}$/.test(text);
}

/** An Oid from text; INVALID_ARGUMENT names `field`. */
export function parseOid(text: string, field = 'oid'): Oid {
  if (isOid(text)) return text;
  const details = {
    field,
    reason: 'not a blob id',
    expected: '64 lower-case hex digits',
  };
  throw new StratumError('INVALID_ARGUMENT', `${field} is not a blob id: expected 64 lower-case hex digits`, details);
}

/** An Oid from its 32 bytes; INVALID_ARGUMENT names `field`. */
export function oidFromBytes(bytes: Uint8Array, field = 'oid'): Oid {
  if (bytes.length === oidBytes) {
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex') as Oid;
  }
  const details = {
    field,
    reason: `${bytes.length} bytes`,
    expected: `${oidBytes} bytes`,
  };
  throw new StratumError('INVALID_ARGUMENT', `${field} has ${bytes.length} bytes, expected ${oidBytes}`, details);
}

/** The 32 bytes of an Oid. */
export function oidToBytes(oid: Oid): Buffer {
  return Buffer.from(oid, 'hex');
}

/** The Oid of content that is in memory. */
export function oidOf(content: Uint8Array): Oid {
  return createHash('sha256').update(content).digest('hex') as Oid;
}

/** The position on the ring: the first 8 bytes as an unsigned 64-bit number. */
export function positionOf(oid: Oid): bigint {
  return BigInt(`0x${oid.slice(0, 16)}`);
}
