import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/base/clock.ts';
import type { Oid } from '../../../src/base/oid.ts';
import { listBlobPage } from '../../../src/cli/list-blob-page.ts';
import { objectService } from '../../../src/node/object/object-service.ts';
import { ChannelPool } from '../../../src/rpc/channel-pool.ts';
import { ObjectServiceClient, ObjectServiceService } from '../../../src/rpc/gen/stratum/v1/object.ts';
import { GrpcServer } from '../../../src/rpc/grpc-server.ts';
import { type SampleObject, sampleObject } from '../node/object/sample-object.ts';

let object: SampleObject;
let server: GrpcServer;
let pool: ChannelPool;
beforeEach(async () => {
  object = await sampleObject();
  server = new GrpcServer({ host: '127.0.0.1', port: 0 });
  server.add(ObjectServiceService, objectService(object));
  await server.start();
  pool = new ChannelPool();
});
afterEach(async () => {
  pool.close();
  await server.stop(AbortSignal.timeout(1_000));
  await object.remove();
});

function page(cursor: Oid | undefined, pageEntries: number) {
  const target = { endpoint: server.address, timeoutMs: 5_000, clock: systemClock };
  const client = pool.client(ObjectServiceClient, server.address);
  return listBlobPage(client, { cursor, pageEntries }, target);
}

describe('the pages of a node’s blobs', () => {
  it('follow each other by position, each blob once, with its size', async () => {
    const contents = Array.from({ length: 5 }, (_, index) => Buffer.alloc(index + 1, index));
    const sizes = new Map<Oid, number>();
    for (const content of contents) sizes.set(await object.add(content), content.length);
    const found: Oid[] = [];
    let cursor: Oid | undefined;
    do {
      const { entries, nextCursor } = await page(cursor, 2);
      for (const { oid, size, presence } of entries) expect([size, presence]).toEqual([sizes.get(oid), 'PRESENT']);
      found.push(...entries.map(({ oid }) => oid));
      cursor = nextCursor;
    } while (cursor !== undefined);
    expect(found).toEqual([...sizes.keys()].sort());
  });

  it('are one empty page of a node without blobs', async () => {
    expect(await page(undefined, 100)).toEqual({ entries: [], nextCursor: undefined });
  });

  it('end with the refusal of the node', async () => {
    await expect(page(undefined, 10_001)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });
});
