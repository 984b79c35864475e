import type { Clock } from '../../base/clock.ts';
import { StratumError } from '../../base/errors.ts';
import type { Part } from '../../base/lifecycle.ts';
import type { Logger } from '../../base/log.ts';
import type { Consensus, Leadership } from '../../consensus/consensus.ts';
import type { CoordinatorServiceServer } from '../../rpc/gen/stratum/v1/coordinator.ts';
import type { Metrics } from '../../telemetry/metrics.ts';
import type { DetectorTimings } from '../../topology/failure-detector.ts';
import type { PlanStep } from '../../topology/partition-plan.ts';
import type { Topology, TopologyUpdate } from '../../topology/topology.ts';
import { coordinatorDefinition } from './coordinator-definition.ts';
import { exposeCoordinator } from './coordinator-gauges.ts';
import { coordinatorService } from './coordinator-service.ts';
import { FailureWatch } from './failure-watch.ts';
import { HeartbeatKeeper } from './heartbeat-keeper.ts';
import { HeartbeatTable } from './heartbeat-table.ts';
import { MeteredConsensus } from './metered-consensus.ts';
import { PartitionKeeper } from './partition-keeper.ts';
import { defaultRateLimits, type RateLimitOptions, RateLimits } from './rate-limits.ts';

/** Values of a coordinator; timings in milliseconds. */
export interface CoordinatorOptions extends DetectorTimings {
  readonly nodeId: string;
  /** Least time between two writes of the heartbeats to the store. */
  readonly heartbeatBatchMs: number;
  /** What it lets through. Default: rate-limits.ts. */
  readonly rateLimits?: RateLimitOptions;
}

/** What a coordinator is made from. */
export interface CoordinatorNodeModules {
  readonly consensus: Consensus;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * The coordinator role: consensus, the leader's memory of heartbeats, the failure detector, the keeper of
 * partitions, and the service. Its stop ends all watches, so it belongs behind the listener in the order of starts:
 * then the listener has no call left that would never end.
 */
export class CoordinatorNode implements Part {
  readonly name = 'coordinator';
  /** The service for the gRPC listener. */
  readonly definition = coordinatorDefinition;
  /** Its handlers; they answer NOT_READY before a topology is known. */
  readonly service: CoordinatorServiceServer;
  readonly #consensus: Consensus;
  readonly #heartbeats: HeartbeatTable;
  readonly #failureWatch: FailureWatch;
  readonly #keeper: HeartbeatKeeper;
  readonly #partitions: PartitionKeeper;
  readonly #stopping = new AbortController();
  readonly #log: Logger;
  /** As before the update that is being followed. */
  #nodes: Topology['nodes'] = new Map();

  constructor(options: CoordinatorOptions, modules: CoordinatorNodeModules) {
    const { metrics, clock, log } = modules;
    const consensus = new MeteredConsensus({ inner: modules.consensus, metrics, clock });
    const heartbeats = new HeartbeatTable({ clock });
    const limits = new RateLimits(options.rateLimits ?? defaultRateLimits, { clock, metrics });
    this.#consensus = consensus;
    this.#heartbeats = heartbeats;
    this.#log = log;
    const onDecision = (decision: string) => metrics.increment('stratum_detector_decisions_total', { decision });
    this.#failureWatch = new FailureWatch(options, { consensus, heartbeats, onDecision, clock, log });
    this.#keeper = new HeartbeatKeeper(options, { consensus, heartbeats, clock, log });
    const onChange = (step: PlanStep) => metrics.increment('stratum_partition_changes_total', { step });
    this.#partitions = new PartitionKeeper(options, { consensus, heartbeats, onChange, clock, log });
    exposeCoordinator(metrics, { consensus, limits });
    const { nodeId } = options;
    const stopping = this.#stopping.signal;
    const parts = { consensus, heartbeats, partitions: this.#partitions, limits, metrics };
    this.service = coordinatorService({ nodeId, ...parts, stopping, clock, log });
  }

  /** Resolves when consensus has started, which may be before it knows a topology or a leader. */
  async start(signal: AbortSignal): Promise<void> {
    this.#consensus.onLeadership((leadership) => this.#followLeadership(leadership));
    // Before the start, for a driver may learn of updates as soon as it runs.
    this.#consensus.subscribe((update, topology) => {
      if (update === undefined) this.#forgetAllBut(topology);
      else this.#follow(update);
      this.#nodes = topology.nodes;
      this.#partitions.wake();
    });
    await this.#consensus.start(signal);
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new StratumError('SHUTTING_DOWN', 'this coordinator stops'));
    await Promise.all([this.#failureWatch.stop(), this.#keeper.stop(), this.#partitions.stop()]);
    await this.#consensus.stop();
  }

  /** A new term begins afresh, also when this coordinator led the one before. */
  #followLeadership({ isLeader, leaderId, term }: Leadership): void {
    const others = leaderId === undefined ? 'no leader is known' : 'another one leads';
    this.#log.info({ leader: leaderId, term, isLeader }, isLeader ? 'this coordinator leads' : others);
    if (isLeader && !this.#stopping.signal.aborted) {
      this.#nodes = this.#consensus.current().nodes;
      this.#heartbeats.restart();
      this.#failureWatch.start();
      this.#keeper.start();
      this.#partitions.start();
      return;
    }
    // They end at once; neither rejects, and nothing waits for what is still under way.
    void this.#failureWatch.stop();
    void this.#keeper.stop();
    void this.#partitions.stop();
  }

  /**
   * In the same step as the commit, so that the detector never sees a new node without its record.
   * A node that is new, or has a new generation, has just registered: other changes are no sign of life.
   */
  #follow({ nodesChanged, nodesRemoved }: TopologyUpdate): void {
    for (const { id, generationId } of nodesChanged) {
      if (this.#nodes.get(id)?.generationId !== generationId) this.#heartbeats.registered(id, generationId);
    }
    for (const id of nodesRemoved) this.#heartbeats.forget(id);
  }

  /** A copy jumps only where another coordinator leads; its table counts from the next leadership on. */
  #forgetAllBut({ nodes }: Topology): void {
    for (const id of [...this.#heartbeats.entries.keys()]) if (!nodes.has(id)) this.#heartbeats.forget(id);
  }
}
