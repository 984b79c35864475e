import { createServer } from 'node:net';
import { type Clock, systemClock } from '../../../src/base/clock.ts';
import { StratumError } from '../../../src/base/errors.ts';
import { systemRandom } from '../../../src/base/random.ts';
import { CoordinatorClient, type CoordinatorClientOptions } from '../../../src/client/coordinator-client.ts';
import type { Consensus } from '../../../src/consensus/consensus.ts';
import { EmbeddedConsensus } from '../../../src/consensus/embedded-consensus.ts';
import { MemoryTopologyStore } from '../../../src/consensus/memory-topology-store.ts';
import { CoordinatorNode } from '../../../src/node/coordinator/coordinator.ts';
import type { RateLimitOptions } from '../../../src/node/coordinator/rate-limits.ts';
import { ChannelPool } from '../../../src/rpc/channel-pool.ts';
import { CoordinatorServiceService } from '../../../src/rpc/gen/stratum/v1/coordinator.ts';
import { GrpcServer } from '../../../src/rpc/grpc-server.ts';
import { Metrics } from '../../../src/telemetry/metrics.ts';
import type { Topology } from '../../../src/topology/topology.ts';
import { recordingLog } from '../base/recording-log.ts';
import { follower } from '../node/coordinator/sample-coordinator.ts';
import { emptyCluster } from '../topology/sample-cluster.ts';

const timings = { heartbeatBatchMs: 1_000, detectorTickMs: 250, leaderGraceMs: 60_000, joiningTimeoutMs: 60_000 };

/** A clock on which only pauses take time, and no waiting: a total deadline passes by back-off alone. */
export function pausesOnlyClock(): Clock {
  let elapsedMs = 0;
  return {
    ...systemClock,
    monotonicMs: () => elapsedMs,
    sleep: (delayMs) => {
      elapsedMs += delayMs;
      return Promise.resolve();
    },
  };
}

/** Starts real coordinators and clients; `close` ends all of them, latest first. */
export class SampleCoordinators {
  readonly #closers: (() => unknown)[] = [];

  async close(): Promise<void> {
    for (const close of this.#closers.splice(0).reverse()) await close();
  }

  onClose(close: () => unknown): void {
    this.#closers.push(close);
  }

  /** A leading coordinator; `port` to come back at the address of one that has ended. */
  async start(
    options: { topology?: Topology; store?: MemoryTopologyStore; port?: number; rateLimits?: RateLimitOptions } = {},
  ) {
    const { topology = emptyCluster(), store = new MemoryTopologyStore(), port = 0, rateLimits } = options;
    const log = recordingLog();
    const server = new GrpcServer({ host: '127.0.0.1', port });
    const consensus = new EmbeddedConsensus(
      { nodeId: 'coordinator-1', address: () => server.address, initialTopology: () => topology },
      { store, log },
    );
    return { ...(await this.#host(server, consensus, rateLimits)), consensus, store };
  }

  /** A coordinator that follows: it takes `leader` for the leader, which need not be so. */
  async startFollower(
    leader: { readonly id: string; readonly address: string } | undefined,
    topology = emptyCluster(),
  ) {
    const server = new GrpcServer({ host: '127.0.0.1', port: 0 });
    const store = new MemoryTopologyStore();
    const embedded = new EmbeddedConsensus(
      { nodeId: 'coordinator-2', address: () => server.address, initialTopology: () => topology },
      { store, log: recordingLog() },
    );
    return this.#host(server, follower(embedded, leader));
  }

  /** An address where somebody accepts connections and never says a word. */
  async startSilent(): Promise<string> {
    const silent = createServer();
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    this.onClose(() => silent.close());
    return addressOf(silent.address());
  }

  /** An address where nobody listens. */
  async unusedAddress(): Promise<string> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = addressOf(server.address());
    await new Promise((resolve) => server.close(resolve));
    return address;
  }

  client(
    endpoints: readonly string[],
    options: Partial<CoordinatorClientOptions> = {},
    clock: Clock = systemClock,
  ): CoordinatorClient {
    const channels = new ChannelPool();
    this.onClose(() => channels.close());
    const modules = { channels, clock, random: systemRandom };
    return new CoordinatorClient({ endpoints, timeoutMs: 10_000, attemptTimeoutMs: 2_000, ...options }, modules);
  }

  async #host(server: GrpcServer, consensus: Consensus, rateLimits?: RateLimitOptions) {
    const limits = rateLimits === undefined ? {} : { rateLimits };
    const options = { nodeId: 'coordinator', ...timings, ...limits };
    const node = new CoordinatorNode(options, {
      consensus,
      metrics: new Metrics(),
      clock: systemClock,
      log: recordingLog(),
    });
    server.add(CoordinatorServiceService, node.service);
    await server.start();
    await node.start(new AbortController().signal);
    let isEnded = false;
    const end = async () => {
      if (isEnded) return;
      isEnded = true;
      await node.stop();
      await server.stop(AbortSignal.abort(new StratumError('SHUTTING_DOWN', 'test')));
    };
    this.onClose(end);
    return { address: server.address, port: Number(server.address.split(':')[1]), end };
  }
}

function addressOf(bound: unknown): string {
  const isBound = typeof bound === 'object' && bound !== null && 'port' in bound;
  if (!isBound) throw new Error('the server does not listen');
  return `127.0.0.1:${String(bound.port)}`;
}
