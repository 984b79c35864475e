import { once } from 'node:events';
import { createServer } from 'node:http';
import { describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../../src/base/clock.ts';
import { StratumError } from '../../../src/base/errors.ts';
import { oidOf } from '../../../src/base/oid.ts';
import { systemRandom } from '../../../src/base/random.ts';
import { nodeWatchers } from '../../../src/node/process-watch.ts';
import { buildNode } from '../../../src/replication/build-node.ts';
import { toHttpError } from '../../../src/rpc/blob-http.ts';
import { ChannelPool } from '../../../src/rpc/channel-pool.ts';
import { Tracing } from '../../../src/telemetry/tracing.ts';
import { recordingLog } from '../base/recording-log.ts';

const oid = oidOf(Buffer.from('a large one'));

/** A node that has no blob; gives the traceparent of every request. */
async function servedPlaces() {
  const places: (string | undefined)[] = [];
  const { status, body } = toHttpError(new StratumError('BLOB_NOT_FOUND', 'none', { kind: 'blob', id: oid }));
  const server = createServer(({ headers }, response) => {
    places.push(headers.traceparent?.toString());
    response.writeHead(status, { 'content-length': body.length }).end(body);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const bound = server.address();
  if (bound === null || typeof bound === 'string') throw new Error('no port');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { places, endpoint: `127.0.0.1:${bound.port}` };
}

async function readOnce(endpoint: string, tracing: Tracing | undefined): Promise<void> {
  const clock = systemClock;
  const pool = new ChannelPool();
  const watchers = nodeWatchers({ clock, metrics: undefined, tracing });
  const { node, close } = buildNode({ nodeId: 'o1', endpoint }, { ...watchers, pool, random: systemRandom });
  const reading = node.get(oid, { offset: 0 }, { timeoutMs: 5_000 });
  await expect(reading).rejects.toMatchObject({ code: 'BLOB_NOT_FOUND' });
  close();
  pool.close();
}

describe('a request for a large blob', () => {
  it('tells the node where it belongs in the trace of its caller, each its own place', async () => {
    const { places, endpoint } = await servedPlaces();
    const tracing = new Tracing({ nodeId: 'frontend-1', version: '1' }, { clock: systemClock, log: recordingLog() });
    const outer = tracing.calling({ nodeId: 'o1', endpoint, method: 'get', blobCount: 1 });
    const traceId = await outer.within(async () => {
      await readOnce(endpoint, tracing);
      await readOnce(endpoint, tracing);
      return tracing.traceparent()?.slice(3, 35);
    });
    expect(places.map((place) => place?.slice(3, 35))).toEqual([traceId, traceId]);
    expect(new Set([...places, tracing.traceparent()]).size).toBe(3);
  });

  it('has no such header where nobody traces', async () => {
    const { places, endpoint } = await servedPlaces();
    await readOnce(endpoint, undefined);
    expect(places).toEqual([undefined]);
  });
});
