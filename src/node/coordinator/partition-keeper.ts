import type { Clock, Timer } from '../../base/clock.ts';
import { asStratumError, hasCode } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { Consensus } from '../../consensus/consensus.ts';
import type { Mark } from '../../topology/mark-limit.ts';
import type { PartitionPlan, PlannedChange, PlanStep } from '../../topology/partition-plan.ts';
import { planPartitions } from '../../topology/partition-planner.ts';
import type { HeartbeatTable } from './heartbeat-table.ts';

/** Who asks for what is planned, in the record of each change. */
const actor = 'coordinator';

/** Steps that wait for a tick. */
const unhurried: ReadonlySet<PlanStep> = new Set(['balance', 'remove-replica']);

/** What a partition keeper works with. */
export interface PartitionKeeperModules {
  readonly consensus: Consensus;
  readonly heartbeats: HeartbeatTable;
  /** Called once for every change that was made, for the metrics. */
  readonly onChange: (step: PlanStep) => void;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Carries out what the planner (partition-planner.ts) finds to be done about the partitions: in regular ticks, and at
 * once when the topology changes or a heartbeat brings news. What has time waits for a tick: the balance of primaries, for
 * each move costs a partition a moment, and replicas that are too many, for an operator may be in the middle of a move.
 * What could not be done is planned afresh.
 */
export class PartitionKeeper {
  readonly #tickMs: number;
  readonly #modules: PartitionKeeperModules;
  #timer: Timer | undefined;
  #running: Promise<void> | undefined;
  #isWoken = false;
  #isTick = false;
  #deposed: readonly Mark[] = [];
  #lastFailure = '';
  #toldWaiting: ReadonlySet<string> = new Set();

  constructor(options: { readonly detectorTickMs: number }, modules: PartitionKeeperModules) {
    this.#tickMs = options.detectorTickMs;
    this.#modules = modules;
    modules.heartbeats.onNews(() => this.wake());
  }

  /** A leadership begins. */
  start(): void {
    this.#timer?.cancel();
    this.#deposed = [];
    this.#toldWaiting = new Set();
    this.#timer = this.#modules.clock.every(this.#tickMs, () => {
      this.#isTick = true;
      this.wake();
    });
    this.wake();
  }

  /** Nothing is planned any more, and nothing proposed; resolves when no proposal is under way. */
  async stop(): Promise<void> {
    this.#timer?.cancel();
    this.#timer = undefined;
    await this.#running;
  }

  /** Something has changed: looks at it as soon as what is under way has been done. */
  wake(): void {
    if (this.#timer === undefined) return;
    this.#isWoken = true;
    // Not in the step of whoever calls: that may be the commit of a change.
    this.#running ??= Promise.resolve()
      .then(() => this.#run())
      .finally(() => {
        this.#running = undefined;
        if (this.#isWoken) this.wake();
      });
  }

  /** What would be done now, and what waits; nothing is done. */
  plan(): PartitionPlan {
    const { consensus, heartbeats, clock } = this.#modules;
    const now = { nowMs: clock.monotonicMs(), atMs: clock.nowMs() };
    return planPartitions(consensus.current(), { reports: heartbeats.entries, ...now, deposed: this.#deposed });
  }

  async #run(): Promise<void> {
    while (this.#isWoken && this.#timer !== undefined) {
      const run = this.#timer;
      const isTick = this.#isTick;
      this.#isWoken = false;
      this.#isTick = false;
      const plan = this.plan();
      this.#deposed = plan.deposed;
      this.#tell(plan);
      for (const change of plan.changes) {
        if (this.#timer !== run) break;
        if (isTick || !unhurried.has(change.step)) await this.#propose(change);
      }
    }
  }

  async #propose({ step, partition, reason }: PlannedChange): Promise<void> {
    const { consensus, onChange, clock, log } = this.#modules;
    const by = { actor, reason };
    const command = {
      kind: 'change-partition',
      atMs: clock.nowMs(),
      partition,
      generations: new Map(),
      acceptDataLoss: false,
      raiseEpoch: false,
      by,
    } as const;
    try {
      const { update } = await consensus.propose(command);
      this.#lastFailure = '';
      if (update === undefined) return;
      onChange(step);
      const fields = { partition: partition.id, step, version: update.version, reason };
      if (step === 'failover') log.warn(fields, update.reason);
      else log.info(fields, update.reason);
    } catch (error) {
      this.#note(error);
    }
  }

  /** A primary that ought to be replaced and cannot is told once, as long as it stays so. */
  #tell({ deferred }: PartitionPlan): void {
    const waiting = deferred.filter(({ step }) => step === 'failover');
    const news = waiting.filter((each) => !this.#toldWaiting.has(`${each.partition} ${each.reason}`));
    this.#toldWaiting = new Set(waiting.map(({ partition, reason }) => `${partition} ${reason}`));
    const [first] = news;
    if (first === undefined) return;
    const partitions = news.map(({ partition }) => partition).slice(0, toldPartitionsMax);
    const fields = { partitions, count: news.length, reason: first.reason };
    this.#modules.log.warn(fields, 'partitions keep a primary that should be replaced');
  }

  /** The next plan begins with what is true then, so a failure is only told; once, while it stays the same. */
  #note(error: unknown): void {
    // The partition has changed since the plan: its primary has been quicker.
    if (hasCode(error, 'VERSION_CONFLICT')) return;
    const { code, message } = asStratumError(error);
    if (message === this.#lastFailure) return;
    this.#lastFailure = message;
    this.#modules.log.warn({ code, error: message }, 'what was planned for a partition was not done');
  }
}

/** A line of the log stays readable. */
const toldPartitionsMax = 20;
