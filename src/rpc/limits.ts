import { KiB, MiB } from '../base/units.ts';

/** Bytes of one gRPC message: room for 100,000 ref commands of 600 bytes. */
export const messageBytesMax = 64 * MiB;

/** Bytes of a chunk of a blob: larger ones gain nothing on loopback, smaller ones cost messages. */
export const chunkBytes = 256 * KiB;
