import { Client, credentials, type ServiceError } from '@grpc/grpc-js';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../../../src/base/clock.ts';
import { asStratumError, StratumError } from '../../../../src/base/errors.ts';
import { coordinatorDefinition } from '../../../../src/node/coordinator/coordinator-definition.ts';
import { coordinatorService } from '../../../../src/node/coordinator/coordinator-service.ts';
import { type RateLimitOptions, RateLimits } from '../../../../src/node/coordinator/rate-limits.ts';
import { callServerStream, callUnary, type UnaryMethod } from '../../../../src/rpc/call.ts';
import { ChannelPool } from '../../../../src/rpc/channel-pool.ts';
import { fromRpcError } from '../../../../src/rpc/error-mapping.ts';
import { CoordinatorServiceClient, CoordinatorServiceService } from '../../../../src/rpc/gen/stratum/v1/coordinator.ts';
import { GrpcServer } from '../../../../src/rpc/grpc-server.ts';
import { decodeTopology, encodeTopology } from '../../../../src/rpc/topology-codec.ts';
import type { Topology } from '../../../../src/topology/topology.ts';
import { delegatingConsensus } from '../../consensus/delegating-consensus.ts';
import { formedCluster } from '../../topology/sample-cluster.ts';
import { sampleCoordinator } from './sample-coordinator.ts';

const endless = { ratePerSecond: 1e9, burst: 1e9 };
const noLimits: RateLimitOptions = {
  writes: { all: endless, client: endless },
  watchStarts: { all: endless, client: endless },
  heartbeats: endless,
  watchesMax: { all: 1e9, client: 1e9 },
};

/** A leader over a formed cluster, on a real listener; it counts who is subscribed to its updates. */
async function serve() {
  const { modules: sampled } = await sampleCoordinator([], { topology: formedCluster() });
  const { clock, metrics } = sampled;
  const subscribed = new Set<object>();
  const consensus = delegatingConsensus(sampled.consensus, {
    subscribe: (listener) => {
      const end = sampled.consensus.subscribe(listener);
      const subscription = {};
      subscribed.add(subscription);
      return () => {
        subscribed.delete(subscription);
        end();
      };
    },
  });
  const server = new GrpcServer({ host: '127.0.0.1', port: 0 });
  const limits = new RateLimits(noLimits, { clock, metrics });
  server.add(coordinatorDefinition, coordinatorService({ ...sampled, consensus, limits }));
  await server.start();
  const channels = new ChannelPool();
  const client = channels.client(CoordinatorServiceClient, server.address);
  const raw = new Client(server.address, credentials.createInsecure());
  const close = async () => {
    raw.close();
    channels.close();
    await server.stop(AbortSignal.abort());
  };
  const target = { endpoint: server.address, method: 'fuzz', timeoutMs: 20_000, clock: systemClock };
  return { consensus, limits, subscribed, client, raw, target, close };
}

let sample: Awaited<ReturnType<typeof serve>>;
const rejections: unknown[] = [];
const onRejection = (reason: unknown) => void rejections.push(reason);

beforeAll(async () => {
  process.on('unhandledRejection', onRejection);
  process.on('uncaughtException', onRejection);
  sample = await serve();
});
afterEach(() => {
  expect(rejections).toEqual([]);
});
afterAll(async () => {
  await sample.close();
  process.off('unhandledRejection', onRejection);
  process.off('uncaughtException', onRejection);
});

/** Strings that a person would not type: controls, separators, halves of characters' neighbours, very long ones. */
const text = fc.oneof(
  fc.constantFrom('', 'object-1', 'metadata-1', 'nobody', '127.0.0.1:7001', '__proto__', 'constructor', '../..', 'é'),
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.constantFrom('\u0000', 'a\nb', '\u001b[2J', '\u2028', 'x'.repeat(129), 'x'.repeat(300_000)),
);
const u64 = fc.oneof(
  fc.constantFrom(0n, 1n, 2n, 9n, 10n, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n),
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
);
const u32 = fc.oneof(fc.constantFrom(0, 1, 2, 3, 17, 2 ** 32 - 1), fc.integer({ min: 0, max: 2 ** 32 - 1 }));
const wireEnum = fc.oneof(fc.constantFrom(0, 1, 2, 3, 4, 5, 99, -1, 2 ** 31 - 1, -(2 ** 31)), fc.integer());
const texts = fc.array(text, { maxLength: 5 });
const optional = <Value>(value: fc.Arbitrary<Value>) => fc.option(value, { nil: undefined });
// Mostly one that passes, so that what comes behind its check is reached.
const audit = fc.oneof(
  { weight: 3, arbitrary: fc.constant({ actor: 'ada', reason: 'fuzz', atMs: 0n }) },
  { weight: 1, arbitrary: optional(fc.record({ actor: text, reason: text, atMs: u64 })) },
);
const textMap = fc.dictionary(text, text, { maxKeys: 40 });
const node = fc.record({
  id: text,
  generationId: u64,
  roles: fc.array(wireEnum, { maxLength: 6 }),
  address: text,
  httpUrl: text,
  labels: textMap,
  weight: u32,
  diskId: text,
  softwareVersion: text,
  capacityBytes: u64,
  state: wireEnum,
  stateSinceMs: u64,
  registeredAtMs: u64,
  intent: wireEnum,
  intentAudit: audit,
});
const stats = fc.record({
  storedBytes: u64,
  blobCount: u64,
  freeBytes: u64,
  repoCount: u64,
  gitRequests: u64,
  residentBytes: u64,
  uptimeMs: u64,
  cacheHits: u64,
  cacheMisses: u64,
});
const partition = fc.record({ id: u32, epoch: u64, primaryId: text, inSync: texts, replicas: texts });

/** A call of one RPC with a request that was made up; one for every unary RPC of the service. */
type Attempt = (client: CoordinatorServiceClient) => Promise<unknown>;

function attempts<Request, Response>(
  requests: fc.Arbitrary<Request>,
  of: (client: CoordinatorServiceClient) => UnaryMethod<Request, Response>,
): fc.Arbitrary<Attempt> {
  return requests.map((request) => (client) => callUnary(of(client), request, sample.target));
}

const nothing = fc.constant({});
const unaries: Readonly<Record<string, fc.Arbitrary<Attempt>>> = {
  getTopology: attempts(fc.record({ minVersion: u64, linearizable: fc.boolean() }), (client) =>
    client.getTopology.bind(client),
  ),
  getHashRing: attempts(nothing, (client) => client.getHashRing.bind(client)),
  getLeader: attempts(nothing, (client) => client.getLeader.bind(client)),
  getTopologyHistory: attempts(fc.record({ sinceVersion: u64, limit: u32 }), (client) =>
    client.getTopologyHistory.bind(client),
  ),
  registerNode: attempts(fc.record({ node: optional(node), afterCleanStop: fc.boolean() }), (client) =>
    client.registerNode.bind(client),
  ),
  deregisterNode: attempts(fc.record({ nodeId: text, generationId: u64 }), (client) =>
    client.deregisterNode.bind(client),
  ),
  heartbeat: attempts(
    fc.record({
      nodeId: text,
      generationId: u64,
      knownVersion: u64,
      reportedState: wireEnum,
      stats: optional(stats),
      silentPrimaries: fc.array(fc.record({ partition: u32, epoch: u64 }), { maxLength: 5 }),
    }),
    (client) => client.heartbeat.bind(client),
  ),
  listHeartbeats: attempts(nothing, (client) => client.listHeartbeats.bind(client)),
  getConsensusStatus: attempts(nothing, (client) => client.getConsensusStatus.bind(client)),
  setNodeIntent: attempts(fc.record({ nodeId: text, intent: wireEnum, expectedVersion: u64, audit }), (client) =>
    client.setNodeIntent.bind(client),
  ),
  setRingConfig: attempts(
    fc.record({
      expectedEpoch: u64,
      replicationFactor: u32,
      writeQuorum: u32,
      weights: fc.dictionary(text, u32, { maxKeys: 5 }),
      audit,
    }),
    (client) => client.setRingConfig.bind(client),
  ),
  changePartition: attempts(
    fc.record({
      partition: optional(partition),
      audit,
      generations: fc.dictionary(text, u64, { maxKeys: 5 }),
      acceptDataLoss: fc.boolean(),
      raiseEpoch: fc.boolean(),
    }),
    (client) => client.changePartition.bind(client),
  ),
  planPartitions: attempts(nothing, (client) => client.planPartitions.bind(client)),
  transferLeader: attempts(fc.record({ targetId: text, audit }), (client) => client.transferLeader.bind(client)),
  addConsensusMember: attempts(fc.record({ nodeId: text, peerAddress: text, audit }), (client) =>
    client.addConsensusMember.bind(client),
  ),
  removeConsensusMember: attempts(fc.record({ nodeId: text, audit }), (client) =>
    client.removeConsensusMember.bind(client),
  ),
};

/** Refusals that are a caller's to mend. INTERNAL is a bug, and UNREACHABLE a process that fell. */
const bugs: ReadonlySet<string> = new Set(['INTERNAL', 'UNREACHABLE', 'CANCELLED', 'DEADLINE_EXCEEDED']);

/** A valid success, or a typed refusal after which the topology is the very same. */
async function expectSound(before: Topology, answer: Promise<unknown>): Promise<void> {
  const [outcome] = await Promise.allSettled([answer]);
  if (outcome.status === 'fulfilled') return;
  expect(outcome.reason).toBeInstanceOf(StratumError);
  const { code, message } = asStratumError(outcome.reason);
  expect(bugs.has(code), `${code}: ${message.slice(0, 200)}`).toBe(false);
  // What was refused is repeated to people and logs, so it must neither break a line nor fill a disk.
  expect(message.length).toBeLessThan(1_000);
  expect(message).not.toMatch(/\p{Cc}/u);
  expect(sample.consensus.current()).toBe(before);
}

/** Every version in a row, and a topology that can still be sent and read. */
function expectWhole(topology: Topology): void {
  expect(decodeTopology(encodeTopology(topology))).toEqual(topology);
  const updates = sample.consensus.history(topology.version - 1n) ?? [];
  expect(updates.map(({ version }) => version)).toEqual(updates.length === 0 ? [] : [topology.version]);
}

describe('whatever a caller sends', () => {
  it('covers every RPC of the service', () => {
    expect([...Object.keys(unaries), 'watchTopology'].sort()).toEqual(Object.keys(CoordinatorServiceService).sort());
  });

  it.each(Object.entries(unaries))('%s answers a success or a typed refusal that changes nothing', async (_, calls) => {
    const run = fc.asyncProperty(calls, async (attempt) => {
      await expectSound(sample.consensus.current(), attempt(sample.client));
    });
    await fc.assert(run, { numRuns: 60 });
    expectWhole(sample.consensus.current());
  });

  it.each(Object.entries(CoordinatorServiceService))('%s does so for bytes that are no message', async (_, method) => {
    const identity = (bytes: Buffer) => bytes;
    const send = (bytes: Uint8Array) =>
      new Promise<unknown>((resolve, reject) => {
        const request = Buffer.from(bytes);
        const failed = (error: ServiceError | null) => reject(fromRpcError(error, sample.target));
        if (method.responseStream) {
          const stream = sample.raw.makeServerStreamRequest(method.path, identity, identity, request);
          stream.on('error', failed);
          stream.once('data', (event) => {
            resolve(event);
            stream.cancel();
          });
          return;
        }
        sample.raw.makeUnaryRequest(method.path, identity, identity, request, (error, response) =>
          error === null ? resolve(response) : failed(error),
        );
      });
    const run = fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
      await expectSound(sample.consensus.current(), send(bytes));
    });
    await fc.assert(run, { numRuns: 50 });
    // A field of wire type 7 does not exist, and a length may not reach beyond the end.
    for (const broken of [[0x0f], [0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f, 0x41]]) {
      await expect(send(Uint8Array.from(broken))).rejects.toMatchObject({
        code: 'INVALID_ARGUMENT',
        details: { field: 'request' },
      });
    }
    expectWhole(sample.consensus.current());
  });
});

describe('whatever a watcher asks for', () => {
  const watch = (sinceVersion: bigint, signal?: AbortSignal, client = sample.client) =>
    callServerStream(
      client.watchTopology.bind(client),
      { sinceVersion },
      { ...sample.target, timeoutMs: Infinity, signal },
    );

  it('gets events from a version of the past, and a refusal for one of the future', async () => {
    const run = fc.asyncProperty(u64, async (sinceVersion) => {
      const { version } = sample.consensus.current();
      const events = watch(sinceVersion);
      const [first] = await Promise.allSettled([events.next()]);
      await events.return();
      if (sinceVersion <= version) expect(first).toMatchObject({ status: 'fulfilled', value: { done: false } });
      else expect(first).toMatchObject({ status: 'rejected', reason: { code: 'INVALID_ARGUMENT' } });
    });
    await fc.assert(run, { numRuns: 100 });
  });

  it('leaves no subscription behind, however often it begins and gives up at any moment', async () => {
    const moments = [
      async (signal: AbortController) => signal.abort(),
      async (signal: AbortController, events: AsyncGenerator) => {
        const first = events.next();
        signal.abort();
        await Promise.allSettled([first]);
      },
      async (signal: AbortController, events: AsyncGenerator) => {
        await events.next();
        signal.abort();
      },
      async (_: AbortController, events: AsyncGenerator) => {
        await events.next();
        await events.return(undefined);
      },
    ];
    for (let round = 0; round < 30; round += 1) {
      // Node ends a connection that resets streams by the thousand; that would end the test, not a watch.
      const channels = new ChannelPool();
      const client = channels.client(CoordinatorServiceClient, sample.target.endpoint);
      const ended = Array.from({ length: 100 }, async (_, index) => {
        const signal = new AbortController();
        const events = watch(0n, signal.signal, client);
        await moments[index % moments.length]?.(signal, events);
        await Promise.allSettled([events.return()]);
      });
      await Promise.all(ended);
      channels.close();
    }
    await vi.waitFor(() => expect([sample.subscribed.size, sample.limits.watches]).toEqual([0, 0]), 10_000);
  }, 60_000);
});
