import type { Clock, Timer } from '../../base/clock.ts';
import { withDeadline } from '../../base/deadline.ts';
import { asStratumError } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { Consensus } from '../../consensus/consensus.ts';
import type { HeartbeatBatch } from '../../topology/heartbeat-batch.ts';

/** The leader's memory of heartbeats (heartbeat-table.ts), as far as it is kept. */
export interface KeptMemory {
  readonly entries: ReadonlyMap<string, { readonly lastSeenMs: number }>;
  batch(nowMs: number, atMs: number): HeartbeatBatch;
  restore(batch: HeartbeatBatch, nowMs: number, atMs: number): void;
}

/** A new leader that cannot read the batch in this time goes on without it: it only loses who flapped before. */
const loadTimeoutMs = 5_000;

/**
 * Keeps the leader's memory of heartbeats in the store, and gives it to the next leader: one write
 * for all nodes, at most one each `heartbeatBatchMs`, never two at once, none while nobody was heard.
 * It is what people look at and what damping goes by; nothing is decided from its being there. The
 * batch is read before the first is written, or the new leader would overwrite what it is to inherit.
 */
export class HeartbeatKeeper {
  readonly #heartbeatBatchMs: number;
  readonly #consensus: Consensus;
  readonly #heartbeats: KeptMemory;
  readonly #clock: Clock;
  readonly #log: Logger;
  #leading: AbortController | undefined;
  #timer: Timer | undefined;
  #restoring: Promise<void> = Promise.resolve();
  #saving: Promise<void> | undefined;
  #savedUpToMs = 0;
  #isFailing = false;

  constructor(
    options: { readonly heartbeatBatchMs: number },
    modules: {
      readonly consensus: Consensus;
      readonly heartbeats: KeptMemory;
      readonly clock: Clock;
      readonly log: Logger;
    },
  ) {
    this.#heartbeatBatchMs = options.heartbeatBatchMs;
    this.#consensus = modules.consensus;
    this.#heartbeats = modules.heartbeats;
    this.#clock = modules.clock;
    this.#log = modules.log;
  }

  /** A leadership begins. */
  start(): void {
    this.#end();
    const leading = new AbortController();
    this.#leading = leading;
    this.#isFailing = false;
    // The table begins empty with the leadership: what was heard in this very moment counts, what is restored does not.
    this.#savedUpToMs = this.#clock.monotonicMs() - 1;
    this.#restoring = this.#restore(leading.signal).then(() => {
      if (leading.signal.aborted) return;
      this.#timer = this.#clock.every(this.#heartbeatBatchMs, () => this.#tick());
    });
  }

  /** Nothing new begins from here on; resolves when what is under way has ended. */
  async stop(): Promise<void> {
    this.#end();
    await this.#restoring;
    await this.#saving;
  }

  #end(): void {
    this.#leading?.abort();
    this.#leading = undefined;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  async #restore(signal: AbortSignal): Promise<void> {
    try {
      const batch = await withDeadline(
        this.#clock,
        'the read of the kept heartbeats',
        loadTimeoutMs,
        () => this.#consensus.loadHeartbeats(),
        signal,
      );
      if (batch === undefined || signal.aborted) return;
      this.#heartbeats.restore(batch, this.#clock.monotonicMs(), this.#clock.nowMs());
      this.#log.debug({ nodes: batch.nodes.length }, 'begins with the heartbeats that the last leader kept');
    } catch (error) {
      if (signal.aborted) return;
      const { code, message } = asStratumError(error);
      this.#log.warn({ code, error: message }, 'the kept heartbeats could not be read; goes on without them');
    }
  }

  #tick(): void {
    if (this.#saving !== undefined) return;
    const heardAtMs = this.#lastHeardMs();
    if (heardAtMs <= this.#savedUpToMs) return;
    this.#saving = this.#save(heardAtMs).finally(() => {
      this.#saving = undefined;
    });
  }

  #lastHeardMs(): number {
    let lastMs = -Infinity;
    for (const { lastSeenMs } of this.#heartbeats.entries.values()) lastMs = Math.max(lastMs, lastSeenMs);
    return lastMs;
  }

  /** What is not kept now is part of the next batch, so a failure is only told; once, until it works again. */
  async #save(heardAtMs: number): Promise<void> {
    const leading = this.#leading;
    try {
      await this.#consensus.saveHeartbeats(this.#heartbeats.batch(this.#clock.monotonicMs(), this.#clock.nowMs()));
      if (leading === this.#leading) this.#savedUpToMs = heardAtMs;
      if (this.#isFailing) this.#log.info({}, 'the heartbeats are kept again');
      this.#isFailing = false;
    } catch (error) {
      // Whoever has just lost the leadership has lost the right to write, too.
      if (leading?.signal.aborted || this.#isFailing) return;
      this.#isFailing = true;
      const { code, message } = asStratumError(error);
      this.#log.warn({ code, error: message }, 'the heartbeats could not be kept; goes on trying');
    }
  }
}
