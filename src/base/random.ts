import { randomBytes } from 'node:crypto';

/** Randomness, injected so that a simulator can own it. */
export interface Random {
  /** A number in [0, 1). */
  next(): number;
  /** `length` random bytes. */
  bytes(length: number): Buffer;
}

/** The machine's randomness, fit for ids and secrets. */
export const systemRandom: Random = {
  next: () => randomBytes(6).readUIntBE(0, 6) / 2 ** 48,
  bytes: (length) => randomBytes(length),
};

/** Hex digits of `byteLength` random bytes. */
export function randomHex(random: Random, byteLength: number): string {
  return random.bytes(byteLength).toString('hex');
}
