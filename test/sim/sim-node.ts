import { hasCode, StratumError } from '../../src/base/errors.ts';
import type { Logger } from '../../src/base/log.ts';
import type {
  HeartbeatAnswer,
  HeartbeatReport,
  Registered,
  RegistrationOptions,
} from '../../src/client/coordinator-client.ts';
import type { CoordinatorCallOptions } from '../../src/client/leader-call.ts';
import { TopologyView } from '../../src/client/topology-view.ts';
import { decodeWatchEvent, type WatchEvent } from '../../src/client/watch-event.ts';
import { Membership } from '../../src/node/membership.ts';
import { NodeStats } from '../../src/rpc/gen/stratum/v1/types.ts';
import { encodeRegistration, encodeReportedState } from '../../src/rpc/topology-codec.ts';
import type { NodeRegistration, NodeRole } from '../../src/topology/topology.ts';
import { sampleRegistration } from '../unit/topology/sample-cluster.ts';
import type { SimChecker } from './sim-checker.ts';
import type { SimCoordinator } from './sim-coordinator.ts';
import type { SimNetwork } from './sim-network.ts';
import { SimProcess } from './sim-process.ts';
import { type SimRandom, simRandom } from './sim-random.ts';
import { type SimMethod, SimRpc } from './sim-rpc.ts';
import type { SimWorld } from './sim-world.ts';

/** For one try at one coordinator, and for a whole call, in milliseconds. */
const attemptTimeoutMs = 700;
const callTimeoutMs = 3_000;

interface SimNodeModules {
  readonly world: SimWorld;
  readonly network: SimNetwork;
  readonly checker: SimChecker;
  readonly coordinators: readonly SimCoordinator[];
  readonly log: (name: string) => Logger;
}

/** One process of a node: production's membership and topology view, over simulated calls. */
export class SimNode {
  readonly registration: NodeRegistration;
  readonly process: SimProcess;
  readonly view: TopologyView;
  /** Refused for good: another process has its place. */
  refusal: StratumError | undefined;
  readonly #modules: SimNodeModules;
  readonly #membership: Membership;
  readonly #client: SimClient;
  #version: bigint | undefined;

  constructor(
    options: { readonly id: string; readonly generationId: bigint; readonly role: NodeRole },
    modules: SimNodeModules,
  ) {
    const { id, generationId, role } = options;
    const { world } = modules;
    this.#modules = modules;
    this.registration = sampleRegistration({ id, generationId, roles: [role] });
    const process = new SimProcess({ name: id, wallMs: 1_700_000_000_000 }, { world });
    const random = simRandom(world.random.integer(0, 2 ** 31));
    const log = modules.log(id);
    const client = new SimClient({ ...modules, process, random });
    const { clock } = process;
    const view = new TopologyView({}, { feed: client, clock, random, log });
    this.process = process;
    this.#client = client;
    this.view = view;
    this.#membership = new Membership(
      { registration: this.registration },
      {
        client,
        view,
        clock,
        random,
        log,
        ready: () => true,
        stats: () => Promise.resolve(NodeStats.fromPartial({})),
        onRefused: (error) => {
          this.refusal = error;
        },
      },
    );
  }

  get id(): string {
    return this.registration.id;
  }

  start(): void {
    const { world, checker } = this.#modules;
    world.note(() => `${this.id} starts, generation ${this.registration.generationId}`);
    this.view.subscribe((topology) => {
      checker.assert(
        this.#version === undefined || topology.version > this.#version,
        () => `the view of ${this.id} falls from ${this.#version} to ${topology.version} (invariant 5)`,
      );
      this.#version = topology.version;
      checker.assertCopy(`the view of ${this.id}`, topology);
    });
    void this.view.start();
    void this.#membership.start();
  }

  kill(): void {
    this.process.kill();
    this.#modules.network.hostEnded(this.id);
  }

  /** Says STOPPING, and leaves the cluster when it is told to; then ends. */
  async stop(choice: { readonly leaves: boolean }): Promise<void> {
    await Promise.all([this.#membership.stop(), this.view.stop()]);
    if (choice.leaves) {
      const { id, generationId } = this.registration;
      try {
        await this.#client.deregisterNode(id, generationId);
      } catch (error) {
        // It has data placed on it, or nobody answers: it goes all the same.
        if (!(error instanceof StratumError)) throw error;
      }
    }
    this.kill();
  }
}

/** Calls to the coordinators as CoordinatorClient makes them: to the leader, and on failure to another one. */
class SimClient {
  readonly #rpc: SimRpc;
  readonly #process: SimProcess;
  readonly #coordinators: readonly SimCoordinator[];
  readonly #random: SimRandom;
  #target: SimCoordinator;

  constructor(modules: SimNodeModules & { readonly process: SimProcess; readonly random: SimRandom }) {
    this.#process = modules.process;
    this.#coordinators = modules.coordinators;
    this.#random = modules.random;
    this.#rpc = new SimRpc({ network: modules.network, caller: modules.process });
    this.#target = modules.random.pick(modules.coordinators);
  }

  async registerNode(node: NodeRegistration, options: RegistrationOptions = {}): Promise<Registered> {
    const { afterCleanStop = false, ...call } = options;
    const request = { node: encodeRegistration(node), afterCleanStop };
    const response = await this.#leaderCall('registerNode', request, call);
    return {
      alreadyRegistered: response.alreadyRegistered,
      clusterId: response.clusterId,
      version: response.version,
      heartbeatIntervalMs: Number(response.heartbeatIntervalMs),
    };
  }

  deregisterNode(nodeId: string, generationId: bigint, options?: CoordinatorCallOptions) {
    return this.#leaderCall('deregisterNode', { nodeId, generationId }, options);
  }

  async heartbeat(report: HeartbeatReport, options?: CoordinatorCallOptions): Promise<HeartbeatAnswer> {
    const { silentPrimaries = [] } = report;
    const request = { ...report, reportedState: encodeReportedState(report.reportedState), silentPrimaries };
    const response = await this.#leaderCall('heartbeat', request, options);
    return {
      version: response.version,
      refreshRequired: response.refreshRequired,
      term: response.term,
      leaderId: response.leaderId,
      heartbeatIntervalMs: Number(response.heartbeatIntervalMs),
      suspectTimeoutMs: Number(response.suspectTimeoutMs),
      downTimeoutMs: Number(response.downTimeoutMs),
    };
  }

  async *watchTopology(sinceVersion: bigint, signal: AbortSignal): AsyncGenerator<WatchEvent, void, undefined> {
    const coordinator = this.#random.pick(this.#coordinators);
    for await (const response of this.#rpc.watch(coordinator, { sinceVersion }, signal)) {
      const event = decodeWatchEvent(response);
      if (event !== undefined) yield event;
    }
  }

  async #leaderCall<Method extends SimMethod>(
    method: Method,
    request: Parameters<SimRpc['unary']>[2] & object,
    { timeoutMs = callTimeoutMs, signal }: CoordinatorCallOptions = {},
  ) {
    const { clock } = this.#process;
    const deadlineMs = clock.monotonicMs() + timeoutMs;
    for (;;) {
      signal?.throwIfAborted();
      const leftMs = Math.max(1, deadlineMs - clock.monotonicMs());
      try {
        return await this.#rpc.unary(this.#target, method, request as never, Math.min(attemptTimeoutMs, leftMs));
      } catch (error) {
        if (!(error instanceof StratumError) || finalCodes.has(error.code)) throw error;
        const hinted = hasCode(error, 'NOT_LEADER') ? error.details.leaderId : undefined;
        const other = this.#coordinators.filter((each) => each !== this.#target);
        this.#target = this.#coordinators.find(({ name }) => name === hinted) ?? this.#random.pick(other);
        const pauseMs = hinted === undefined ? this.#random.between(50, 300) : 5;
        if (clock.monotonicMs() + pauseMs >= deadlineMs) throw error;
        await clock.sleep(pauseMs, signal);
      }
    }
  }
}

/** What another try does not mend. */
const finalCodes: ReadonlySet<string> = new Set([
  'ZOMBIE_NODE',
  'UNSAFE',
  'INVALID_ARGUMENT',
  'NODE_NOT_FOUND',
  'VERSION_CONFLICT',
  'SHUTTING_DOWN',
  'INTERNAL',
]);
