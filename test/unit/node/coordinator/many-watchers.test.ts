import { connect } from 'node:http2';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../../../src/base/clock.ts';
import { coordinatorDefinition } from '../../../../src/node/coordinator/coordinator-definition.ts';
import { coordinatorService } from '../../../../src/node/coordinator/coordinator-service.ts';
import { serializeEvent } from '../../../../src/node/coordinator/watch-events.ts';
import { callServerStream } from '../../../../src/rpc/call.ts';
import { ChannelPool } from '../../../../src/rpc/channel-pool.ts';
import {
  CoordinatorServiceClient,
  CoordinatorServiceService,
  type WatchTopologyResponse,
} from '../../../../src/rpc/gen/stratum/v1/coordinator.ts';
import { GrpcServer } from '../../../../src/rpc/grpc-server.ts';
import { register } from '../../topology/sample-cluster.ts';
import { sampleCoordinator } from './sample-coordinator.ts';

const closers: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function serve() {
  const { modules } = await sampleCoordinator([register({ id: 'first', roles: ['frontend'] })]);
  const serialized = new Set<Buffer>();
  const responseSerialize = (event: WatchTopologyResponse) => {
    const bytes = serializeEvent(event);
    serialized.add(bytes);
    return bytes;
  };
  const watchTopology = { ...CoordinatorServiceService.watchTopology, responseSerialize };
  const server = new GrpcServer({ host: '127.0.0.1', port: 0 });
  server.add({ ...coordinatorDefinition, watchTopology }, coordinatorService(modules));
  await server.start();
  closers.push(() => server.stop(AbortSignal.abort()));
  const reading = new AbortController();
  const watch = () => {
    const channels = new ChannelPool();
    closers.push(() => channels.close());
    const client = channels.client(CoordinatorServiceClient, server.address);
    const target = {
      endpoint: server.address,
      method: 'WatchTopology',
      timeoutMs: Infinity,
      clock: systemClock,
      signal: reading.signal,
    };
    return () => callServerStream(client.watchTopology.bind(client), { sinceVersion: 0n }, target);
  };
  closers.push(() => reading.abort());
  return { modules, server, watch, serialized };
}

describe('a coordinator with many watchers', () => {
  it('tells a thousand of them of a change with bytes that it makes once', async () => {
    const { modules, watch, serialized } = await serve();
    const clients = Array.from({ length: 10 }, watch);
    const watchers = Array.from({ length: 1_000 }, (_, index) => clients[index % 10]?.());
    const full = await Promise.all(watchers.map((events) => events?.next()));
    expect(full.every((step) => step?.value?.event?.$case === 'fullSync')).toBe(true);
    serialized.clear();
    const changes = watchers.map((events) => events?.next());
    await modules.consensus.propose(register({ id: 'second', roles: ['frontend'] }));
    const updates = await Promise.all(changes);
    expect(new Set(updates.map((step) => step?.value?.event?.$case))).toEqual(new Set(['update']));
    expect(serialized.size).toBe(1);
  }, 60_000);

  it('makes a bounded number of events for a reader that never reads, and the others get every change', async () => {
    const { modules, server, watch } = await serve();
    // A watch whose reader holds its windows shut: an HTTP/2 stream that is opened and never read.
    const session = connect(`http://${server.address}`, { settings: { initialWindowSize: 1 } });
    closers.push(() => session.destroy());
    const stream = session.request({
      ':method': 'POST',
      ':path': CoordinatorServiceService.watchTopology.path,
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    stream.on('error', () => undefined);
    stream.end(Buffer.alloc(5));
    await vi.waitFor(() => expect(modules.limits.watches).toBe(1));
    const reader = watch()();
    await reader.next();
    const changes = 3_000;
    let read = 0;
    for (let index = 0; index < changes; index += 1) {
      const next = reader.next();
      await modules.consensus.propose(
        register({ id: `n${index % 20}`, generationId: BigInt(index + 1), roles: ['frontend'] }),
      );
      if ((await next).value?.event?.$case === 'update') read += 1;
    }
    await turn();
    expect(read).toBe(changes);
    const sent = /stratum_watch_events_total\{kind="update"\} (\d+)/.exec(await modules.metrics.render());
    expect(Number(sent?.[1]) - changes).toBeLessThan(100);
    expect(modules.limits.watches).toBe(2);
  });
});
