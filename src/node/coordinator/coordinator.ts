import type { Clock } from '../../base/clock.ts';
import { StratumError } from '../../base/errors.ts';
import type { Part } from '../../base/lifecycle.ts';
import type { Logger } from '../../base/log.ts';
import type { Consensus } from '../../consensus/consensus.ts';
import type { CoordinatorServiceServer } from '../../rpc/gen/stratum/v1/coordinator.ts';
import type { TopologyUpdate } from '../../topology/topology.ts';
import { coordinatorService } from './coordinator-service.ts';
import { FailureWatch, type FailureWatchOptions } from './failure-watch.ts';
import { HeartbeatTable } from './heartbeat-table.ts';

/** Values of a coordinator; timings in milliseconds. */
export interface CoordinatorOptions extends FailureWatchOptions {
  readonly nodeId: string;
}

/**
 * The coordinator role: consensus, the leader's memory of heartbeats, the failure detector, and the
 * service. Its stop ends all watches, so it belongs behind the listener in the order of starts:
 * then the listener has no call left that would never end.
 */
export class CoordinatorNode implements Part {
  readonly name = 'coordinator';
  /** For the gRPC listener; answers NOT_READY before the start. */
  readonly service: CoordinatorServiceServer;
  readonly #consensus: Consensus;
  readonly #heartbeats: HeartbeatTable;
  readonly #failureWatch: FailureWatch;
  readonly #stopping = new AbortController();
  readonly #log: Logger;

  constructor(
    options: CoordinatorOptions,
    modules: { readonly consensus: Consensus; readonly clock: Clock; readonly log: Logger },
  ) {
    const { consensus, clock, log } = modules;
    this.#consensus = consensus;
    this.#log = log;
    this.#heartbeats = new HeartbeatTable({ clock });
    this.#failureWatch = new FailureWatch(options, { consensus, heartbeats: this.#heartbeats, clock, log });
    this.service = coordinatorService({
      nodeId: options.nodeId,
      consensus,
      heartbeats: this.#heartbeats,
      stopping: this.#stopping.signal,
      clock,
      log,
    });
  }

  async start(signal: AbortSignal): Promise<void> {
    this.#consensus.onLeadership(({ isLeader, leaderId, term }) => {
      this.#log.info({ leader: leaderId, term, isLeader }, isLeader ? 'this coordinator leads' : 'another one leads');
      if (isLeader) this.#lead();
      else void this.#failureWatch.stop();
    });
    await this.#consensus.start(signal);
    this.#consensus.subscribe((update) => this.#follow(update));
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new StratumError('SHUTTING_DOWN', 'this coordinator stops'));
    await this.#failureWatch.stop();
    await this.#consensus.stop();
  }

  #lead(): void {
    if (this.#stopping.signal.aborted) return;
    this.#heartbeats.restart();
    this.#failureWatch.start();
  }

  /**
   * In the same step as the commit, so that the detector never sees a new node without its record.
   * Only a registration leads to JOINING; other changes are no sign of life.
   */
  #follow({ nodesChanged, nodesRemoved }: TopologyUpdate): void {
    for (const { id, generationId, state } of nodesChanged) {
      const isNew = state === 'JOINING' && this.#heartbeats.entries.get(id)?.generationId !== generationId;
      if (isNew) this.#heartbeats.registered(id, generationId);
    }
    for (const id of nodesRemoved) this.#heartbeats.forget(id);
  }
}
