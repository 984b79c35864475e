import { type Oid, oidFromBytes, oidToBytes } from '../base/oid.ts';
import { decodePresence } from '../replication/presence-codec.ts';
import { type CallTarget, callUnary } from '../rpc/call.ts';
import type { ObjectServiceClient } from '../rpc/gen/stratum/v1/object.ts';
import type { BlobPage } from '../store/blob-store.ts';

const lastPosition = 2n ** 64n - 1n;

/** A page of all blobs of one object node, by position. */
export async function listBlobPage(
  client: ObjectServiceClient,
  { cursor, pageEntries }: { readonly cursor: Oid | undefined; readonly pageEntries: number },
  target: Omit<CallTarget, 'method'>,
): Promise<BlobPage> {
  const request = {
    positionFrom: 0n,
    positionTo: lastPosition,
    cursor: cursor === undefined ? Buffer.alloc(0) : oidToBytes(cursor),
    pageSize: pageEntries,
  };
  const page = await callUnary(client.listBlobs.bind(client), request, {
    ...target,
    method: 'ObjectService.ListBlobs',
  });
  return {
    entries: page.entries.map(({ oid, size, storedAtMs, presence }) => ({
      oid: oidFromBytes(oid),
      size: Number(size),
      storedAtMs: Number(storedAtMs),
      presence: decodePresence(presence),
    })),
    nextCursor: page.nextCursor.length === 0 ? undefined : oidFromBytes(page.nextCursor),
  };
}
