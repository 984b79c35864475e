import { hasCode } from '../../src/base/errors.ts';
import type { Logger } from '../../src/base/log.ts';
import type { Leadership } from '../../src/consensus/consensus.ts';
import { EtcdConsensus } from '../../src/consensus/etcd/etcd-consensus.ts';
import { CoordinatorNode } from '../../src/node/coordinator/coordinator.ts';
import type { HeartbeatRequest } from '../../src/rpc/gen/stratum/v1/coordinator.ts';
import { Metrics } from '../../src/telemetry/metrics.ts';
import type { TopologyCommand } from '../../src/topology/commands.ts';
import { createTopology } from '../../src/topology/create-topology.ts';
import type { ClusterSettings, Topology, TopologyUpdate } from '../../src/topology/topology.ts';
import { delegatingConsensus } from '../unit/consensus/delegating-consensus.ts';
import type { SimChecker } from './sim-checker.ts';
import { SimCoordinationStore } from './sim-coordination-store.ts';
import type { SimNetwork } from './sim-network.ts';
import { SimProcess } from './sim-process.ts';
import { simRandom } from './sim-random.ts';
import type { SimEndpoint } from './sim-rpc.ts';
import type { SimStoreServer } from './sim-store-server.ts';
import type { SimWorld } from './sim-world.ts';

/** Timings of the simulated cluster, in milliseconds. */
export const simTimings = {
  leaseMs: 2_000,
  callTimeoutMs: 600,
  detectorTickMs: 400,
  joiningTimeoutMs: 4_000,
  heartbeatBatchMs: 1_000,
} as const;

/** A leader that has lost its lease must have said so after this long, if it runs. */
const noticeMaxMs = 20;

/** Values of a simulated coordinator. */
export interface SimCoordinatorOptions {
  readonly nodeId: string;
  readonly settings: ClusterSettings;
  readonly historyMax: number;
  readonly leaderGraceMs: number;
  /** The share of calls to the store that are sent twice. */
  readonly repeatRate: number;
}

interface SimCoordinatorModules {
  readonly world: SimWorld;
  readonly network: SimNetwork;
  readonly server: SimStoreServer;
  readonly checker: SimChecker;
  readonly log: (name: string) => Logger;
}

/** A running process of a coordinator. */
interface Run {
  readonly process: SimProcess;
  readonly consensus: EtcdConsensus;
  readonly node: CoordinatorNode;
  /** What its listeners were told last. */
  told: Leadership | undefined;
  /** When it was told last that it leads. */
  ledSinceMs: number;
  /** By node id and generation: when heartbeats reached it. */
  readonly heardMs: Map<string, number>;
  version: bigint | undefined;
  isToldSince: bigint | undefined;
  /** Since when it does not lead, and its listeners think that it does. */
  unnoticedSinceMs: number | undefined;
  /** Its parts are being stopped: nobody listens any more. */
  isStopping: boolean;
}

/** A coordinator with everything that production gives it but the wires, in one process after another. */
export class SimCoordinator implements SimEndpoint {
  readonly name: string;
  readonly #options: SimCoordinatorOptions;
  readonly #modules: SimCoordinatorModules;
  #run: Run | undefined;
  #runs = 0;
  /** The highest version that any of its processes has had. */
  #versionMax = 0n;

  constructor(options: SimCoordinatorOptions, modules: SimCoordinatorModules) {
    this.name = options.nodeId;
    this.#options = options;
    this.#modules = modules;
  }

  current() {
    const run = this.#run;
    if (run === undefined) return undefined;
    const { service } = run.node;
    const heartbeat: typeof service.heartbeat = (call, callback) => {
      this.#heard(run, call.request);
      service.heartbeat(call, callback);
    };
    return { process: run.process, service: { ...service, heartbeat } };
  }

  get process(): SimProcess | undefined {
    return this.#run?.process;
  }

  get consensus(): EtcdConsensus | undefined {
    return this.#run?.consensus;
  }

  /** One that takes too long to stop is killed first. */
  start(): void {
    if (this.#run?.isStopping === true) this.crash();
    if (this.#run !== undefined) return;
    const { world, network, server } = this.#modules;
    this.#runs += 1;
    const wallMs = 1_700_000_000_000 + world.random.between(-2_000, 2_000);
    const process = new SimProcess({ name: this.name, wallMs }, { world });
    const random = simRandom(world.random.integer(0, 2 ** 31));
    const { repeatRate, historyMax, settings } = this.#options;
    const store = new SimCoordinationStore(
      { prefix: simPrefix, callTimeoutMs: simTimings.callTimeoutMs, repeatRate },
      { server, network, process, random: random.next },
    );
    const log = this.#modules.log(this.name);
    const modules = { store, clock: process.clock, random, log };
    const run = `${this.name}#${this.#runs}`;
    const consensus = new EtcdConsensus(
      {
        nodeId: this.name,
        address: () => this.name,
        leaseMs: simTimings.leaseMs,
        // Each would make a cluster of its own: only one may come into being.
        initialTopology: () => createTopology(`cluster-of-${run}`, settings),
        ownMembers: false,
        historyMax,
      },
      modules,
    );
    const watched = delegatingConsensus(consensus, {
      propose: (command) => {
        this.#assertMayPropose(command);
        return consensus.propose(command);
      },
    });
    const node = new CoordinatorNode(
      { nodeId: this.name, ...simTimings, leaderGraceMs: this.#options.leaderGraceMs },
      { consensus: watched, metrics: new Metrics(), clock: process.clock, log },
    );
    world.note(() => `${run} starts`);
    const started: Run = {
      process,
      consensus,
      node,
      told: undefined,
      ledSinceMs: 0,
      heardMs: new Map(),
      version: undefined,
      isToldSince: undefined,
      unnoticedSinceMs: undefined,
      isStopping: false,
    };
    this.#run = started;
    consensus.onLeadership((leadership) => {
      started.told = leadership;
      if (leadership.isLeader) started.ledSinceMs = world.nowMs;
    });
    consensus.subscribe((update, topology) => this.#assertTold(started, update, topology));
    this.#guard(node.start(new AbortController().signal), `${run} does not start`);
  }

  /** It ends without a word. */
  crash(): void {
    const run = this.#run;
    if (run === undefined) return;
    this.#run = undefined;
    run.process.kill();
    this.#modules.network.hostEnded(this.name);
  }

  /** It ends in order; nothing is lost when it is killed before it has finished. */
  stop(): void {
    const run = this.#run;
    if (run === undefined || run.isStopping) return;
    run.isStopping = true;
    const ended = run.node.stop().then(() => {
      if (this.#run === run) this.crash();
    });
    this.#guard(ended, `${this.name} does not stop`);
  }

  pause(): void {
    this.#run?.process.pause();
  }

  resume(): void {
    this.#run?.process.resume();
  }

  /** After every event: its version never falls, what it has is what the store had, and its claims are true. */
  assertSane(): void {
    const run = this.#run;
    if (run === undefined) return;
    const { checker, world } = this.#modules;
    const leadership = run.consensus.leadership();
    if (leadership.isLeader) checker.assertClaim(this.name, leadership.term);
    this.#assertNoticed(run, leadership, world.nowMs);
    const topology = topologyOf(run.consensus);
    if (topology === undefined || topology.version === run.version) return;
    checker.assert(
      topology.version >= (run.version ?? this.#versionMax),
      () => `${this.name} falls from version ${run.version ?? this.#versionMax} to ${topology.version} (invariant 5)`,
    );
    run.version = topology.version;
    run.isToldSince ??= topology.version;
    if (topology.version > this.#versionMax) this.#versionMax = topology.version;
    checker.assertCopy(this.name, topology);
  }

  /** A heartbeat has reached the process. */
  #heard({ consensus, heardMs }: Run, { nodeId, generationId }: Pick<HeartbeatRequest, 'nodeId' | 'generationId'>) {
    if (consensus.leadership().isLeader) heardMs.set(`${nodeId}:${generationId}`, this.#modules.world.nowMs);
  }

  /** Whoever runs and does not lead any more has told its parts so. */
  #assertNoticed(run: Run, { isLeader }: Leadership, nowMs: number): void {
    if (isLeader || run.told?.isLeader !== true || run.process.isPaused || run.isStopping) {
      run.unnoticedSinceMs = undefined;
      return;
    }
    run.unnoticedSinceMs ??= nowMs;
    const { unnoticedSinceMs } = run;
    this.#modules.checker.assert(
      nowMs - unnoticedSinceMs <= noticeMaxMs,
      () => `${this.name} does not lead since ${unnoticedSinceMs} ms, and its listeners think that it does`,
    );
  }

  #assertTold(run: Run, update: TopologyUpdate | undefined, topology: Topology): void {
    const { checker } = this.#modules;
    const last = run.isToldSince;
    run.isToldSince = topology.version;
    if (update === undefined) {
      checker.assert(last === undefined || topology.version > last, () => `${this.name} jumps back from ${last}`);
      checker.assertCopy(`a listener at ${this.name}`, topology);
      return;
    }
    checker.assert(
      update.version === topology.version && (last === undefined || update.version === last + 1n),
      () => `a listener at ${this.name} is told version ${update.version} after ${last} (invariant 5)`,
    );
    checker.assertCommitted(`a listener at ${this.name}`, update);
  }

  /** The failure detector gives a node up only after a silence, and a new leader nobody for a while. */
  #assertMayPropose(command: TopologyCommand): void {
    const run = this.#run;
    if (run === undefined || command.kind !== 'set-node-state' || command.state !== 'DOWN') return;
    const { world, checker } = this.#modules;
    const heardMs = run.heardMs.get(`${command.nodeId}:${command.generationId}`);
    const silentMs = world.nowMs - (heardMs ?? Number.NEGATIVE_INFINITY);
    checker.assert(
      silentMs >= this.#options.settings.downTimeoutMs,
      () => `${this.name} gives ${command.nodeId} up, which it heard ${silentMs} ms ago`,
    );
    const ledMs = world.nowMs - run.ledSinceMs;
    checker.assert(
      ledMs >= this.#options.leaderGraceMs,
      () => `${this.name} gives ${command.nodeId} up, ${ledMs} ms after it began to lead`,
    );
  }

  /** Neither its start nor its stop may fail, whatever the store does. */
  #guard(promise: Promise<unknown>, what: string): void {
    promise.catch((error: unknown) => this.#modules.checker.assert(false, () => `${what}: ${String(error)}`));
  }
}

/** What every key of the simulated cluster begins with. */
export const simPrefix = '/stratum/';

/** Undefined before the first one was read. */
export function topologyOf(consensus: EtcdConsensus): Topology | undefined {
  try {
    return consensus.current();
  } catch (error) {
    if (hasCode(error, 'NOT_READY')) return undefined;
    throw error;
  }
}
