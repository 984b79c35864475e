import { join } from 'node:path';
import { type Oid, oidOf, oidToBytes } from '../../../../src/base/oid.ts';
import { systemRandom } from '../../../../src/base/random.ts';
import { MiB } from '../../../../src/base/units.ts';
import { CacheStore } from '../../../../src/node/object/cache-store.ts';
import { FenceGuard } from '../../../../src/node/object/fence-guard.ts';
import type { ObjectModules } from '../../../../src/node/object/object-modules.ts';
import { encodeFence } from '../../../../src/rpc/fence-codec.ts';
import type { PutBlobRequest } from '../../../../src/rpc/gen/stratum/v1/object.ts';
import type { CallContext } from '../../../../src/rpc/handlers.ts';
import { MemoryBlobStore } from '../../../../src/store/memory-blob-store.ts';
import { type ManualClock, manualClock } from '../../base/manual-clock.ts';
import { recordingLog } from '../../base/recording-log.ts';
import { putContent, temporaryFolder } from '../../store/sample-blobs.ts';

/** The fence that the sample's callers send. */
export const fence = { term: 3n, ringEpoch: 2n };

/** The same, as a message. */
export const fenceMessage = encodeFence(fence);

/** A call whose caller stays. */
export const call: CallContext = { signal: new AbortController().signal, peer: '127.0.0.1' };

export interface SampleObject extends ObjectModules {
  readonly store: MemoryBlobStore;
  readonly clock: ManualClock;
  /** The cache's own: its folder has a timer. */
  readonly cacheClock: ManualClock;
  /** Puts content into the store, past the service. */
  add(content: Buffer): Promise<Oid>;
  remove(): Promise<void>;
}

/** What the RPCs of an object node work with, on a store in memory. */
export async function sampleObject(): Promise<SampleObject> {
  const folder = await temporaryFolder();
  const clock = manualClock();
  const store = new MemoryBlobStore({ capacityBytes: 64 * MiB }, { clock });
  const cacheClock = manualClock();
  const cache = await CacheStore.open(
    { path: join(folder.path, 'cache'), bytesMax: 64 * MiB, freeBytesMin: 0 },
    { clock: cacheClock, random: systemRandom, log: recordingLog() },
  );
  const guard = await FenceGuard.open(join(folder.path, 'fence.json'));
  return {
    nodeId: 'object-1',
    store,
    cache,
    fence: guard,
    clock,
    cacheClock,
    add: async (content) => (await putContent(store, content)).oid,
    remove: async () => {
      await cache.close();
      await folder.remove();
    },
  };
}

/** Items as a stream. */
export async function* streamOf<T>(...items: readonly T[]): AsyncGenerator<T> {
  yield* items;
}

export function header(content: Buffer, changes: Record<string, unknown> = {}): PutBlobRequest {
  const value = {
    oid: oidToBytes(oidOf(content)),
    size: BigInt(content.length),
    fence: fenceMessage,
    ...changes,
  };
  return { part: { $case: 'header', value } };
}

export function chunk(value: Buffer): PutBlobRequest {
  return { part: { $case: 'chunk', value } };
}
