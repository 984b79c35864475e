import { afterEach, describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../../../src/base/clock.ts';
import { coordinatorDefinition } from '../../../../src/node/coordinator/coordinator-definition.ts';
import { coordinatorService } from '../../../../src/node/coordinator/coordinator-service.ts';
import { type RateLimitOptions, RateLimits } from '../../../../src/node/coordinator/rate-limits.ts';
import { callServerStream, callUnary } from '../../../../src/rpc/call.ts';
import { ChannelPool } from '../../../../src/rpc/channel-pool.ts';
import {
  AddConsensusMemberRequest,
  ChangePartitionRequest,
  CoordinatorServiceClient,
  CoordinatorServiceService,
  DeregisterNodeRequest,
  HeartbeatRequest,
  RegisterNodeRequest,
  RemoveConsensusMemberRequest,
  SetNodeIntentRequest,
  SetRingConfigRequest,
  TransferLeaderRequest,
} from '../../../../src/rpc/gen/stratum/v1/coordinator.ts';
import { GrpcServer } from '../../../../src/rpc/grpc-server.ts';
import { register } from '../../topology/sample-cluster.ts';
import { sampleCoordinator } from './sample-coordinator.ts';

const closers: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function serve(limits?: RateLimitOptions) {
  const { modules: sampled } = await sampleCoordinator([register({ roles: ['frontend'] })]);
  const { clock, metrics } = sampled;
  const modules = limits === undefined ? sampled : { ...sampled, limits: new RateLimits(limits, { clock, metrics }) };
  const server = new GrpcServer({ host: '127.0.0.1', port: 0 });
  server.add(coordinatorDefinition, coordinatorService(modules));
  await server.start();
  closers.push(() => server.stop(AbortSignal.abort()));
  const channels = new ChannelPool();
  closers.push(() => channels.close());
  const target = { endpoint: server.address, method: 'test', timeoutMs: 5_000, clock: systemClock };
  return { client: channels.client(CoordinatorServiceClient, server.address), target, modules };
}

describe('the coordinator service over gRPC', () => {
  it('has a handler for every RPC of the protocol', async () => {
    const { modules } = await sampleCoordinator();
    expect(Object.keys(coordinatorService(modules)).sort()).toEqual(Object.keys(CoordinatorServiceService).sort());
  });

  it('carries the typed details of a refusal to the caller', async () => {
    const { client, target } = await serve();
    const said = { knownVersion: 0n, reportedState: 2, stats: undefined, silentPrimaries: [] };
    const request = { nodeId: 'nobody', generationId: 1n, ...said };
    await expect(callUnary(client.heartbeat.bind(client), request, target)).rejects.toMatchObject({
      code: 'NODE_NOT_FOUND',
      details: { kind: 'node', id: 'nobody' },
    });
  });

  const none = { ratePerSecond: 1, burst: 0 };
  const closed: RateLimitOptions = {
    writes: { all: none, client: none },
    watchStarts: { all: none, client: none },
    heartbeats: none,
    watchesMax: { all: 0, client: 0 },
  };

  it('holds every write to the limits, and only those: reads are answered whatever else is asked', async () => {
    const { client, target, modules } = await serve(closed);
    const version = modules.consensus.current().version;
    const writes = [
      callUnary(client.registerNode.bind(client), RegisterNodeRequest.create(), target),
      callUnary(client.deregisterNode.bind(client), DeregisterNodeRequest.create(), target),
      callUnary(client.setNodeIntent.bind(client), SetNodeIntentRequest.create(), target),
      callUnary(client.setRingConfig.bind(client), SetRingConfigRequest.create(), target),
      callUnary(client.changePartition.bind(client), ChangePartitionRequest.create(), target),
      callUnary(client.transferLeader.bind(client), TransferLeaderRequest.create(), target),
      callUnary(client.addConsensusMember.bind(client), AddConsensusMemberRequest.create(), target),
      callUnary(client.removeConsensusMember.bind(client), RemoveConsensusMemberRequest.create(), target),
      callUnary(client.heartbeat.bind(client), HeartbeatRequest.create({ nodeId: 'object-1' }), target),
    ];
    const limited = { status: 'rejected', reason: { code: 'RATE_LIMITED', details: { retryAfterMs: 1_000 } } };
    for (const outcome of await Promise.allSettled(writes)) expect(outcome).toMatchObject(limited);
    const watch = callServerStream(client.watchTopology.bind(client), { sinceVersion: 0n }, target);
    await expect(watch.next()).rejects.toMatchObject({ code: 'RATE_LIMITED' });
    const reads = [
      callUnary(client.getTopology.bind(client), { minVersion: 0n, linearizable: true }, target),
      callUnary(client.getHashRing.bind(client), {}, target),
      callUnary(client.getLeader.bind(client), {}, target),
      callUnary(client.getTopologyHistory.bind(client), { sinceVersion: 0n, limit: 0 }, target),
      callUnary(client.listHeartbeats.bind(client), {}, target),
      callUnary(client.getConsensusStatus.bind(client), {}, target),
    ];
    for (const outcome of await Promise.allSettled(reads)) expect(outcome.status).toBe('fulfilled');
    expect(modules.consensus.current().version).toBe(version);
  });

  it('counts heartbeats by node id only when that is one', async () => {
    const { client, target } = await serve(closed);
    const asked = callUnary(client.heartbeat.bind(client), HeartbeatRequest.create({ nodeId: 'a b' }), target);
    await expect(asked).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', details: { field: 'node_id' } });
  });

  it('counts calls by method and outcome, heartbeats and events of watches by their kind', async () => {
    const { client, target, modules } = await serve();
    await callUnary(client.getLeader.bind(client), {}, target);
    const beat = HeartbeatRequest.create({ nodeId: 'object-1', generationId: 1n, reportedState: 1 });
    await callUnary(client.heartbeat.bind(client), beat, target);
    await callUnary(client.heartbeat.bind(client), { ...beat, nodeId: 'nobody' }, target).catch(() => undefined);
    const reader = new AbortController();
    const watchTarget = { ...target, timeoutMs: Infinity, signal: reader.signal };
    const events = callServerStream(client.watchTopology.bind(client), { sinceVersion: 0n }, watchTarget);
    await events.next();
    expect(modules.limits.watches).toBe(1);
    await events.return();
    await vi.waitFor(() => expect(modules.limits.watches).toBe(0));
    const text = await modules.metrics.render();
    for (const line of [
      'stratum_requests_total{method="GetLeader",code="OK"} 1',
      'stratum_requests_total{method="Heartbeat",code="OK"} 1',
      'stratum_requests_total{method="Heartbeat",code="NODE_NOT_FOUND"} 1',
      'stratum_requests_total{method="WatchTopology",code="CANCELLED"} 1',
      'stratum_heartbeats_total{result="OK"} 1',
      'stratum_heartbeats_total{result="NODE_NOT_FOUND"} 1',
      'stratum_watch_events_total{kind="fullSync"} 1',
    ]) {
      expect(text).toContain(line);
    }
  });
});
