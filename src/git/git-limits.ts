import { GiB, MiB } from '../base/units.ts';

/**
 * What one process may use of memory that cannot be taken from it again, as far as git's settings
 * can promise it. Not counted: the list of objects (about 150 bytes for each that is sent), and
 * indexes and packs that are mapped, which the system takes back when it needs the room.
 */
const processBytesMax = GiB;

/** Threads that search for deltas; more gain little and share the same memory. */
const packThreadsMax = 4;

/**
 * Settings that keep one git process within about 1 GiB, on a machine with so many cores. The one
 * place for them. A full fetch of git's own repository (850,000 objects, a pack of 507 MB) takes 192 MB
 * of its own and 514 MB with what is mapped, at the speed of git's defaults. Threads are not divided by the number of processes: with a cache before git one
 * process computes while a hundred clients wait for it, and the slots bound how many do.
 */
export function gitLimitConfig({ cores }: { readonly cores: number }): readonly (readonly [string, string])[] {
  const threads = Math.max(1, Math.min(packThreadsMax, cores));
  return [
    ['pack.threads', String(threads)],
    // Each thread holds the objects of its window whole; without a limit ten blobs of any size. A quarter for all threads.
    ['pack.windowMemory', String(processBytesMax / 4 / threads)],
    // Deltas found and not yet written; beyond it they are computed again. Git's default is 256 MiB.
    ['pack.deltaCacheSize', String(128 * MiB)],
    // Base objects of delta chains, in upload-pack once and in index-pack for all threads. Git's default, stated.
    ['core.deltaBaseCacheLimit', String(96 * MiB)],
    // Packs are mapped in windows and the least used are let go; git's default on 64 bits is no limit at all.
    ['core.packedGitWindowSize', String(64 * MiB)],
    ['core.packedGitLimit', String(512 * MiB)],
    // Blobs above this are streamed, never searched for deltas, never held whole; git's default is 512 MiB.
    ['core.bigFileThreshold', String(32 * MiB)],
  ];
}
