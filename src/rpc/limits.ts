import { KiB, MiB } from '../base/units.ts';

/** Bytes of one gRPC message: room for 100,000 ref commands of 600 bytes. */
export const messageBytesMax = 64 * MiB;

/** Bytes of one message to a process without refs: a blob's chunk, a registration with all its labels. */
const smallMessageBytesMax = MiB;

/**
 * Bytes of a chunk of a blob. Smaller ones cost calls of the file system: at 64 KiB, a client that writes to three
 * nodes takes 1.4 times the processor time. Larger ones only take memory.
 */
export const chunkBytes = 256 * KiB;

/** Bytes of a blob that travels with others in one message; larger ones have a call of their own. */
export const smallBlobBytesMax = 64 * KiB;

/** Bytes of all small blobs of one message, either way, as object.proto promises. */
export const smallBlobsBytesMax = 4 * MiB;

/** Bytes of one message to an object node: the small blobs of a message, and a mebibyte for their ids and lengths. */
const objectMessageBytesMax = smallBlobsBytesMax + MiB;

/** Bytes of one message that a process of these roles takes in. */
export function receivedBytesMaxOf(roles: readonly string[]): number {
  if (roles.includes('metadata')) return messageBytesMax;
  return roles.includes('object') ? objectMessageBytesMax : smallMessageBytesMax;
}
