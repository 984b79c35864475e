import { hasCode } from '../../../src/base/errors.ts';
import type { Logger } from '../../../src/base/log.ts';
import type { HeartbeatAnswer, HeartbeatReport, Registered } from '../../../src/client/coordinator-client.ts';
import { FailureWatch } from '../../../src/node/coordinator/failure-watch.ts';
import { HeartbeatTable } from '../../../src/node/coordinator/heartbeat-table.ts';
import { PartitionKeeper } from '../../../src/node/coordinator/partition-keeper.ts';
import type { ProposedChange } from '../../../src/node/metadata/replication/partition-authority.ts';
import type { ChangePartition } from '../../../src/topology/commands.ts';
import { heartbeatTransition } from '../../../src/topology/heartbeat-transition.ts';
import { nodeNotFound } from '../../../src/topology/node-not-found.ts';
import { zombie } from '../../../src/topology/register-node.ts';
import type { NodeRegistration, Partition, Topology } from '../../../src/topology/topology.ts';
import type { SimNetwork, SimStream } from '../sim-network.ts';
import { SimProcess } from '../sim-process.ts';
import type { SimWorld } from '../sim-world.ts';
import { type AgreedTopology, SimConsensus } from './sim-consensus.ts';

/** Of the failure detector: a local cluster's, and no node waits long for its first readiness here. */
const detectorTimings = { detectorTickMs: 250, leaderGraceMs: 2_000, joiningTimeoutMs: 60_000 };

/** Watches of the topology come from here, so that their way can be cut alone. */
export const watchHost = 'watch';

interface SimLeaderModules {
  readonly world: SimWorld;
  readonly network: SimNetwork;
  readonly agreed: AgreedTopology;
  readonly log: Logger;
}

/** A process of the leading coordinator: production's reducer, failure detector and planner, without a store of its own. */
export class SimLeader {
  readonly process: SimProcess;
  readonly #consensus: SimConsensus;
  readonly #heartbeats: HeartbeatTable;
  readonly #failureWatch: FailureWatch;
  readonly #keeper: PartitionKeeper;
  readonly #modules: SimLeaderModules;
  readonly #watchers = new Set<SimStream<Topology>>();

  constructor(options: { readonly term: bigint; readonly wallMs: number }, modules: SimLeaderModules) {
    const { world, agreed, log } = modules;
    this.#modules = modules;
    this.process = new SimProcess({ name: 'coordinator', wallMs: options.wallMs }, { world });
    const { process } = this;
    const { clock } = process;
    const consensus = new SimConsensus({ term: options.term }, { world, process, agreed });
    this.#consensus = consensus;
    this.#heartbeats = new HeartbeatTable({ clock });
    this.#failureWatch = new FailureWatch(detectorTimings, {
      consensus,
      heartbeats: this.#heartbeats,
      onDecision: () => undefined,
      clock,
      log,
    });
    this.#keeper = new PartitionKeeper(detectorTimings, {
      consensus,
      heartbeats: this.#heartbeats,
      onChange: () => undefined,
      clock,
      log,
    });
    consensus.subscribe((_, topology) => {
      this.#keeper.wake();
      for (const watcher of this.#watchers) watcher.send(topology);
    });
  }

  start(): void {
    this.#failureWatch.start();
    this.#keeper.start();
  }

  async registerNode(node: NodeRegistration, afterCleanStop: boolean): Promise<Registered> {
    const { clock } = this.process;
    const command = { kind: 'register-node', atMs: clock.nowMs(), node, afterCleanStop } as const;
    const { topology, update } = await this.#consensus.propose(command);
    this.#heartbeats.registered(node.id, node.generationId);
    return {
      alreadyRegistered: update === undefined,
      clusterId: topology.clusterId,
      version: topology.version,
      heartbeatIntervalMs: topology.settings.heartbeatIntervalMs,
    };
  }

  async heartbeat(report: HeartbeatReport): Promise<HeartbeatAnswer> {
    const { nodeId, generationId } = report;
    const topology = this.#consensus.current();
    const node = topology.nodes.get(nodeId);
    if (node === undefined) throw nodeNotFound(nodeId);
    if (node.generationId !== generationId) throw zombie(node, generationId);
    const heard = this.#heartbeats.heard({ ...report, stats: undefined });
    const transition = heartbeatTransition(topology, node, heard.reportedState);
    if (transition !== undefined) {
      const command = { kind: 'set-node-state', atMs: this.process.clock.nowMs(), nodeId, generationId } as const;
      try {
        await this.#consensus.propose({ ...command, ...transition });
      } catch (error) {
        if (!hasCode(error, 'VERSION_CONFLICT')) throw error;
      }
    }
    const { version, settings } = this.#consensus.current();
    return {
      version,
      refreshRequired: report.knownVersion < version,
      term: 1n,
      leaderId: 'coordinator',
      heartbeatIntervalMs: settings.heartbeatIntervalMs,
      suspectTimeoutMs: settings.suspectTimeoutMs,
      downTimeoutMs: settings.downTimeoutMs,
    };
  }

  async changePartition(actor: string, { partition, generations, raisesEpoch, reason }: ProposedChange): Promise<void> {
    const by = { actor, reason };
    await this.#propose({ partition, generations, by, raiseEpoch: raisesEpoch });
  }

  /** An operator moves a primary, whatever the planner thinks of it; rejects as the reducer refuses. */
  async movePrimary(partition: Partition, primaryId: string): Promise<void> {
    const by = { actor: 'operator', reason: 'moved by hand' };
    await this.#propose({ partition: { ...partition, primaryId }, generations: new Map(), by, raiseEpoch: false });
  }

  async #propose(change: Pick<ChangePartition, 'partition' | 'generations' | 'by' | 'raiseEpoch'>): Promise<void> {
    await this.#consensus.propose({
      kind: 'change-partition',
      atMs: this.process.clock.nowMs(),
      acceptDataLoss: false,
      ...change,
    });
  }

  get topology(): Topology {
    return this.#consensus.current();
  }

  /** The present topology, and every later one in order until the stream breaks. */
  watch(
    process: SimProcess,
    reader: { readonly take: (topology: Topology) => void; readonly broken: () => void },
  ): void {
    const route = { from: watchHost, to: process.name };
    const stream = this.#modules.network.stream<Topology>(route, { process, ...reader });
    const { onEnd } = stream;
    stream.onEnd = () => {
      onEnd();
      this.#watchers.delete(stream);
    };
    this.#watchers.add(stream);
    stream.send(this.topology);
  }

  kill(): void {
    this.process.kill();
    for (const watcher of [...this.#watchers]) watcher.breakOff();
  }
}
