import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../../src/base/clock.ts';
import { coordinatorService } from '../../../../src/node/coordinator/coordinator-service.ts';
import { callUnary } from '../../../../src/rpc/call.ts';
import { ChannelPool } from '../../../../src/rpc/channel-pool.ts';
import { CoordinatorServiceClient, CoordinatorServiceService } from '../../../../src/rpc/gen/stratum/v1/coordinator.ts';
import { GrpcServer } from '../../../../src/rpc/grpc-server.ts';
import { sampleCoordinator } from './sample-coordinator.ts';

const closers: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function serve() {
  const { modules } = await sampleCoordinator();
  const server = new GrpcServer({ host: '127.0.0.1', port: 0 });
  server.add(CoordinatorServiceService, coordinatorService(modules));
  await server.start();
  closers.push(() => server.stop(AbortSignal.abort()));
  const channels = new ChannelPool();
  closers.push(() => channels.close());
  const target = { endpoint: server.address, method: 'test', timeoutMs: 5_000, clock: systemClock };
  return { client: channels.client(CoordinatorServiceClient, server.address), target };
}

describe('the coordinator service over gRPC', () => {
  it('has a handler for every RPC of the protocol', async () => {
    const { modules } = await sampleCoordinator();
    expect(Object.keys(coordinatorService(modules)).sort()).toEqual(Object.keys(CoordinatorServiceService).sort());
  });

  it('answers UNIMPLEMENTED for what this version does not have', async () => {
    const { client, target } = await serve();
    const calls = [
      callUnary(
        client.setNodeIntent.bind(client),
        { nodeId: 'n', intent: 2, expectedVersion: 0n, audit: undefined },
        target,
      ),
      callUnary(
        client.setRingConfig.bind(client),
        { expectedEpoch: 0n, replicationFactor: 0, writeQuorum: 0, weights: {}, audit: undefined },
        target,
      ),
      callUnary(client.changePartition.bind(client), { partition: undefined, audit: undefined }, target),
      callUnary(client.transferLeader.bind(client), { targetId: '', audit: undefined }, target),
    ];
    const outcomes = await Promise.allSettled(calls);
    for (const outcome of outcomes)
      expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'UNIMPLEMENTED' } });
  });

  it('carries the typed details of a refusal to the caller', async () => {
    const { client, target } = await serve();
    const request = { nodeId: 'nobody', generationId: 1n, knownVersion: 0n, reportedState: 2, stats: undefined };
    await expect(callUnary(client.heartbeat.bind(client), request, target)).rejects.toMatchObject({
      code: 'NODE_NOT_FOUND',
      details: { kind: 'node', id: 'nobody' },
    });
  });
});
