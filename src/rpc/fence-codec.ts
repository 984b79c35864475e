import { crc32 } from 'node:zlib';
import { StratumError } from '../base/errors.ts';
import type { Fence } from './gen/stratum/v1/types.ts';

/** A fence without what protects it on its way. */
interface FenceValues {
  readonly term: bigint;
  readonly ringEpoch: bigint;
}

/** The message of a fence. */
export function encodeFence({ term, ringEpoch }: FenceValues): Fence {
  return { term, ringEpoch, checksum: checksumOf(term, ringEpoch) };
}

/** The fence of a message; INVALID_ARGUMENT when a bit of it was flipped on its way, or its sender left the checksum out. */
export function decodeFence({ term, ringEpoch, checksum }: Fence): FenceValues {
  const expected = checksumOf(term, ringEpoch);
  if (checksum === expected) return { term, ringEpoch };
  const details = { field: 'fence.checksum', reason: `${checksum}`, expected: `${expected}` };
  const message = `a fence with term ${term} and ring epoch ${ringEpoch} has the checksum ${checksum} instead of ${expected}`;
  throw new StratumError('INVALID_ARGUMENT', message, details, { hint: 'it was damaged on its way: send it again' });
}

function checksumOf(term: bigint, ringEpoch: bigint): number {
  const bytes = Buffer.alloc(16);
  bytes.writeBigUInt64BE(term, 0);
  bytes.writeBigUInt64BE(ringEpoch, 8);
  return crc32(bytes);
}
