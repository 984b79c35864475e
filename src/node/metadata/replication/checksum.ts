import { crc32 } from 'node:zlib';

/**
 * CRC-32 of numbers as 8 bytes each, big-endian, in the order of their fields: what replicas tell each other of epochs
 * and indexes decides what is committed, and TCP's own checksum lets a flipped bit through now and then.
 */
export function checksumOf(...numbers: readonly (bigint | number | boolean)[]): number {
  const bytes = Buffer.alloc(numbers.length * 8);
  for (const [at, number] of numbers.entries()) bytes.writeBigUInt64BE(BigInt(number), at * 8);
  return crc32(bytes);
}
