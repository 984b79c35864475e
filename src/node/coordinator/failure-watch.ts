import type { Clock, Timer } from '../../base/clock.ts';
import { asStratumError } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { Consensus } from '../../consensus/consensus.ts';
import { type DetectorCommand, type DetectorTimings, detectFailures } from '../../topology/failure-detector.ts';
import type { HeartbeatTable } from './heartbeat-table.ts';

/** Timings of the failure detector, in milliseconds. */
export interface FailureWatchOptions extends DetectorTimings {
  /** Between two looks. */
  readonly detectorTickMs: number;
}

/**
 * Looks at the heartbeats in regular ticks and proposes what the failure detector asks for. A tick
 * that comes much later than planned says that this process itself stood still (a stopped virtual
 * machine, a stalled disk): nobody was heard meanwhile, so the grace period begins again.
 */
export class FailureWatch {
  readonly #options: FailureWatchOptions;
  readonly #consensus: Consensus;
  readonly #heartbeats: HeartbeatTable;
  readonly #clock: Clock;
  readonly #log: Logger;
  #timer: Timer | undefined;
  #graceSinceMs = 0;
  #lastLookMs = 0;
  #proposing: Promise<void> | undefined;
  #lastFailure = '';

  constructor(
    options: FailureWatchOptions,
    modules: {
      readonly consensus: Consensus;
      readonly heartbeats: HeartbeatTable;
      readonly clock: Clock;
      readonly log: Logger;
    },
  ) {
    this.#options = options;
    this.#consensus = modules.consensus;
    this.#heartbeats = modules.heartbeats;
    this.#clock = modules.clock;
    this.#log = modules.log;
  }

  /** A leadership begins: the grace period too. */
  start(): void {
    this.#timer?.cancel();
    this.#graceSinceMs = this.#clock.monotonicMs();
    this.#lastLookMs = this.#graceSinceMs;
    this.#timer = this.#clock.every(this.#options.detectorTickMs, () => this.#look());
  }

  /** Resolves when no proposal of the detector is under way. */
  async stop(): Promise<void> {
    this.#timer?.cancel();
    this.#timer = undefined;
    await this.#proposing;
  }

  #look(): void {
    const nowMs = this.#clock.monotonicMs();
    const topology = this.#consensus.current();
    const lateMs = nowMs - this.#lastLookMs - this.#options.detectorTickMs;
    this.#lastLookMs = nowMs;
    if (lateMs >= topology.settings.heartbeatIntervalMs) {
      this.#graceSinceMs = nowMs;
      this.#log.warn(
        { lateMs: Math.floor(lateMs) },
        'this process stood still; nobody is suspected for a grace period',
      );
    }
    if (this.#proposing !== undefined) return;
    const commands = detectFailures(
      {
        nowMs,
        atMs: this.#clock.nowMs(),
        leaderSinceMs: this.#graceSinceMs,
        topology,
        heartbeats: this.#heartbeats.entries,
      },
      this.#options,
    );
    if (commands.length === 0) return;
    this.#proposing = this.#proposeAll(commands).finally(() => {
      this.#proposing = undefined;
    });
  }

  async #proposeAll(commands: readonly DetectorCommand[]): Promise<void> {
    for (const command of commands) {
      try {
        const { update } = await this.#consensus.propose(command);
        this.#lastFailure = '';
        if (update === undefined) continue;
        const isRemoval = command.kind === 'deregister-node';
        const message = isRemoval ? `${command.nodeId} did not become ready in time: removed` : update.reason;
        this.#log.warn({ node: command.nodeId, version: update.version }, message);
        if (command.kind === 'set-node-state' && command.state === 'SUSPECT')
          this.#heartbeats.suspected(command.nodeId);
      } catch (error) {
        this.#note(error);
      }
    }
  }

  /** The next tick looks again, so a failure is only told; once, while it stays the same. */
  #note(error: unknown): void {
    const { code, message } = asStratumError(error);
    if (message === this.#lastFailure) return;
    this.#lastFailure = message;
    this.#log.warn({ code, error: message }, 'what the failure detector asks for was not done');
  }
}
