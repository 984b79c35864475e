import type { Clock } from '../../base/clock.ts';
import { asStratumError } from '../../base/errors.ts';
import type { Applied, Consensus, ConsensusMemberPlace, Leadership } from '../../consensus/consensus.ts';
import type { UpdateListener } from '../../consensus/topology-log.ts';
import type { Metrics } from '../../telemetry/metrics.ts';
import type { TopologyCommand } from '../../topology/commands.ts';
import type { HeartbeatBatch } from '../../topology/heartbeat-batch.ts';

/** A consensus whose proposals and batches of heartbeats are counted; everything else passes through. */
export class MeteredConsensus implements Consensus {
  readonly #inner: Consensus;
  readonly #clock: Clock;
  readonly #metrics: Metrics;

  constructor(modules: { readonly inner: Consensus; readonly clock: Clock; readonly metrics: Metrics }) {
    this.#inner = modules.inner;
    this.#clock = modules.clock;
    this.#metrics = modules.metrics;
  }

  async propose(command: TopologyCommand): Promise<Applied> {
    const { kind } = command;
    const startedMs = this.#clock.monotonicMs();
    let result = 'applied';
    try {
      const applied = await this.#inner.propose(command);
      if (applied.update === undefined) result = 'unchanged';
      return applied;
    } catch (error) {
      result = asStratumError(error).code;
      throw error;
    } finally {
      const seconds = (this.#clock.monotonicMs() - startedMs) / 1000;
      this.#metrics.increment('stratum_proposals_total', { kind, result });
      this.#metrics.observe('stratum_proposal_duration_seconds', {}, seconds);
    }
  }

  async saveHeartbeats(batch: HeartbeatBatch): Promise<void> {
    let result = 'OK';
    try {
      await this.#inner.saveHeartbeats(batch);
      this.#metrics.observe('stratum_heartbeat_batch_nodes', {}, batch.nodes.length);
    } catch (error) {
      result = asStratumError(error).code;
      throw error;
    } finally {
      this.#metrics.increment('stratum_heartbeat_batch_writes_total', { result });
    }
  }

  start(signal: AbortSignal) {
    return this.#inner.start(signal);
  }

  stop() {
    return this.#inner.stop();
  }

  current() {
    return this.#inner.current();
  }

  ageMs() {
    return this.#inner.ageMs();
  }

  leadership() {
    return this.#inner.leadership();
  }

  confirmLeadership() {
    return this.#inner.confirmLeadership();
  }

  transfer(targetId: string | undefined) {
    return this.#inner.transfer(targetId);
  }

  loadHeartbeats() {
    return this.#inner.loadHeartbeats();
  }

  addMember(member: ConsensusMemberPlace) {
    return this.#inner.addMember(member);
  }

  removeMember(nodeId: string) {
    return this.#inner.removeMember(nodeId);
  }

  history(sinceVersion: bigint) {
    return this.#inner.history(sinceVersion);
  }

  subscribe(listener: UpdateListener) {
    return this.#inner.subscribe(listener);
  }

  onLeadership(listener: (leadership: Leadership) => void) {
    return this.#inner.onLeadership(listener);
  }

  status() {
    return this.#inner.status();
  }
}
