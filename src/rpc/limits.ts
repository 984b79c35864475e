import { KiB, MiB } from '../base/units.ts';

/** Bytes of one gRPC message: room for 100,000 ref commands of 600 bytes. */
export const messageBytesMax = 64 * MiB;

/** Bytes of one message to a process without refs: a blob's chunk, a registration with all its labels. */
export const smallMessageBytesMax = MiB;

/**
 * Bytes of a chunk of a blob. Smaller ones cost messages; larger ones wait longer for the collector: at 256 KiB a
 * client that writes to three nodes held 20 MiB more, and was no faster.
 */
export const chunkBytes = 64 * KiB;

/** Bytes of a blob that travels with others in one message; larger ones have a call of their own. */
export const smallBlobBytesMax = 64 * KiB;

/** Bytes of all small blobs of one message, either way, as object.proto promises. */
export const smallBlobsBytesMax = 4 * MiB;
