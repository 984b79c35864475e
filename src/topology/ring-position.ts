import { hash } from 'node:crypto';

/**
 * A position on the ring, 0 to 2^64 - 1, in two halves of 32 bits: arithmetic with them stays in machine
 * numbers, where a bigint costs an allocation a step.
 */
export interface RingPosition {
  /** The upper 32 bits. */
  readonly high: number;
  /** The lower 32 bits. */
  readonly low: number;
}

/** Half of a position from text in lower-case hex: the 8 digits from `start`. */
export function halfOfHex(hex: string, start: number): number {
  let value = 0;
  for (let at = start; at < start + 8; at += 1) {
    const code = hex.charCodeAt(at);
    // "0" to "9" end in their value, "a" to "f" in theirs less 9, and bit 6 tells the two apart.
    value = (value << 4) | ((code & 15) + 9 * (code >> 6));
  }
  return value >>> 0;
}

/** Half of a position: the 4 bytes from `start`, big-endian. */
export function halfOfBytes(bytes: Uint8Array, start: number): number {
  const upper = ((bytes[start] ?? 0) << 24) | ((bytes[start + 1] ?? 0) << 16);
  return (upper | ((bytes[start + 2] ?? 0) << 8) | (bytes[start + 3] ?? 0)) >>> 0;
}

/**
 * The position of a member's virtual node: the first 8 bytes, big-endian, of the SHA-256 of the
 * node id, a NUL, and the index in decimal. Every process must agree on it for ever.
 */
export function virtualNodePosition(nodeId: string, index: number): RingPosition {
  // In hex, because a string of it costs less than half of what a Buffer does.
  const digest = hash('sha256', `${nodeId}\0${index}`, 'hex');
  return { high: halfOfHex(digest, 0), low: halfOfHex(digest, 8) };
}
