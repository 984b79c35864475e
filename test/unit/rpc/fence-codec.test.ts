import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hasCode } from '../../../src/base/errors.ts';
import { decodeFence, encodeFence } from '../../../src/rpc/fence-codec.ts';
import { Fence } from '../../../src/rpc/gen/stratum/v1/types.ts';

const uint64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const anyFence = fc.record({ term: uint64, ringEpoch: uint64 });

/** What a receiver makes of the bytes: a fence, or nothing when they are refused. */
function received(bytes: Uint8Array) {
  let message: Fence;
  try {
    message = Fence.decode(bytes);
  } catch {
    return undefined; // No message any more: whoever reads it ends the call.
  }
  try {
    return decodeFence(message);
  } catch (error) {
    expect(hasCode(error, 'INVALID_ARGUMENT')).toBe(true);
    return undefined;
  }
}

describe('the fence of a message', () => {
  it('is the fence that was sent', () => {
    fc.assert(fc.property(anyFence, (fence) => void expect(decodeFence(encodeFence(fence))).toEqual(fence)));
  });

  it('is no other fence whichever bit of it was flipped on its way', () => {
    fc.assert(
      fc.property(anyFence, (fence) => {
        const bytes = Fence.encode(encodeFence(fence)).finish();
        for (let bit = 0; bit < bytes.length * 8; bit += 1) {
          const flipped = Uint8Array.from(bytes);
          flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
          expect([undefined, fence]).toContainEqual(received(flipped));
        }
      }),
      { numRuns: 20 },
    );
  });

  it('is refused without a checksum, even one of zeros', () => {
    expect(received(Fence.encode({ term: 0n, ringEpoch: 0n, checksum: 0 }).finish())).toBeUndefined();
  });
});
