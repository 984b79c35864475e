import type { Clock, Timer } from '../../base/clock.ts';
import { asStratumError } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { Consensus } from '../../consensus/consensus.ts';
import {
  type DetectorCommand,
  type DetectorState,
  type DetectorStep,
  type DetectorTimings,
  newDetectorState,
  stepDetector,
} from '../../topology/failure-detector.ts';
import type { HeartbeatTable } from './heartbeat-table.ts';

/**
 * What the failure detector has come to: a node `suspect`, `down` or `remove`d for good in the
 * topology; one `deferred` to a later look by the rate limit, once a look; a `stall` of this process.
 */
export type DetectorDecision = 'suspect' | 'down' | 'remove' | 'deferred' | 'stall';

/** What a failure watch works with. */
export interface FailureWatchModules {
  readonly consensus: Consensus;
  readonly heartbeats: HeartbeatTable;
  /** Called once for every decision, for the metrics. */
  readonly onDecision: (decision: DetectorDecision) => void;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Looks at the heartbeats in regular ticks and proposes what the failure detector asks for. It looks
 * on while proposals are under way, so that the detector can tell a stall; what it asks for then is
 * left to the next look, for the topology is about to change.
 */
export class FailureWatch {
  readonly #timings: DetectorTimings;
  readonly #modules: FailureWatchModules;
  #timer: Timer | undefined;
  #state: DetectorState;
  #proposing: Promise<void> | undefined;
  #lastFailure = '';

  constructor(timings: DetectorTimings, modules: FailureWatchModules) {
    this.#timings = timings;
    this.#modules = modules;
    this.#state = newDetectorState(modules.clock.monotonicMs());
  }

  /** A leadership begins: the grace period too. */
  start(): void {
    const { clock } = this.#modules;
    this.#timer?.cancel();
    this.#state = newDetectorState(clock.monotonicMs());
    this.#timer = clock.every(this.#timings.detectorTickMs, () => this.#look());
  }

  /** No look begins any more, and no proposal; resolves when none is under way. */
  async stop(): Promise<void> {
    this.#timer?.cancel();
    this.#timer = undefined;
    await this.#proposing;
  }

  #look(): void {
    const { consensus, heartbeats, clock } = this.#modules;
    const nowMs = clock.monotonicMs();
    const observation = {
      nowMs,
      atMs: clock.nowMs(),
      leaderSinceMs: this.#state.leaderSinceMs,
      topology: consensus.current(),
      heartbeats: heartbeats.entries,
    };
    const step = stepDetector(this.#state, observation, this.#timings);
    this.#state = step.state;
    this.#tell(step);
    if (this.#proposing !== undefined || step.commands.length === 0) return;
    this.#proposing = this.#proposeAll(step.commands, nowMs, this.#timer).finally(() => {
      this.#proposing = undefined;
    });
  }

  #tell({ stalledMs, deferredCount }: DetectorStep): void {
    const { onDecision, log } = this.#modules;
    if (stalledMs !== undefined) {
      onDecision('stall');
      log.warn({ lateMs: Math.floor(stalledMs) }, 'this process stood still; nobody is suspected for a grace period');
    }
    for (let count = 0; count < deferredCount; count += 1) onDecision('deferred');
  }

  /**
   * One after the other, while the leadership of the look lasts; whoever is heard while the ones
   * before are committed is spared.
   */
  async #proposeAll(commands: readonly DetectorCommand[], lookMs: number, run: Timer | undefined): Promise<void> {
    for (const command of commands) {
      if (this.#timer !== run) return;
      if (!this.#wasHeardSince(command, lookMs)) await this.#propose(command);
    }
  }

  #wasHeardSince({ nodeId, kind }: DetectorCommand, lookMs: number): boolean {
    const entry = this.#modules.heartbeats.entries.get(nodeId);
    // A node that does not become ready is removed although it is heard.
    if (entry === undefined || (kind === 'deregister-node' && entry.reportedState !== 'READY')) return false;
    return entry.lastSeenMs >= lookMs;
  }

  async #propose(command: DetectorCommand): Promise<void> {
    const { consensus, heartbeats, onDecision, log } = this.#modules;
    try {
      const { update } = await consensus.propose(command);
      this.#lastFailure = '';
      if (update === undefined) return;
      const decision = decisionOf(command);
      const message = decision === 'remove' ? `${command.nodeId} did not become ready in time: removed` : update.reason;
      log.warn({ node: command.nodeId, version: update.version }, message);
      onDecision(decision);
      // The table holds registered nodes alone, and this one may have left while its suspicion was committed.
      const isRegistered = consensus.current().nodes.has(command.nodeId);
      if (decision === 'suspect' && isRegistered) heartbeats.suspected(command.nodeId, command.generationId);
    } catch (error) {
      this.#note(error);
    }
  }

  /** The next look asks again, so a failure is only told; once, while it stays the same. */
  #note(error: unknown): void {
    const { code, message } = asStratumError(error);
    if (message === this.#lastFailure) return;
    this.#lastFailure = message;
    this.#modules.log.warn({ code, error: message }, 'what the failure detector asks for was not done');
  }
}

function decisionOf(command: DetectorCommand): DetectorDecision {
  if (command.kind === 'deregister-node') return 'remove';
  return command.state === 'SUSPECT' ? 'suspect' : 'down';
}
