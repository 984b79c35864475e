import type { ObjectServiceServer } from '../../rpc/gen/stratum/v1/object.ts';
import { clientStream, duplex, serverStream, unary } from '../../rpc/handlers.ts';
import type { ObjectModules } from './object-modules.ts';
import { deleteBlob } from './rpc/delete-blob.ts';
import { getBlob } from './rpc/get-blob.ts';
import { getBlobs } from './rpc/get-blobs.ts';
import { getCacheEntry } from './rpc/get-cache-entry.ts';
import { getStats } from './rpc/get-stats.ts';
import { hasBlobs } from './rpc/has-blobs.ts';
import { listBlobs } from './rpc/list-blobs.ts';
import { putBlob } from './rpc/put-blob.ts';
import { putBlobs } from './rpc/put-blobs.ts';
import { putCacheEntry } from './rpc/put-cache-entry.ts';

/** The object service of a node. */
export function objectService(modules: ObjectModules): ObjectServiceServer {
  return {
    putBlob: clientStream(putBlob(modules)),
    putBlobs: duplex(putBlobs(modules)),
    getBlob: serverStream(getBlob(modules)),
    getBlobs: duplex(getBlobs(modules)),
    hasBlobs: unary(hasBlobs(modules)),
    deleteBlob: unary(deleteBlob(modules)),
    listBlobs: unary(listBlobs(modules)),
    getStats: unary(getStats(modules)),
    putCacheEntry: clientStream(putCacheEntry(modules)),
    getCacheEntry: serverStream(getCacheEntry(modules)),
  };
}
