import { MiB } from '../../base/units.ts';

/** Bytes of one chunk of a blob, as proto/stratum/v1/object.proto promises. */
export const chunkBytesMax = MiB;

/** Blob ids of one question, as object.proto promises. */
export const questionOidsMax = 10_000;

/** Entries of one page of a listing, as object.proto promises. */
export const pageEntriesMax = 10_000;
/** Entries of a page for who does not say. */
export const pageEntriesDefault = 1_000;

/** Messages of small blobs that are worked on at once for one caller: enough to share LMDB's commits. */
export const smallBlobGroupsMax = 8;
