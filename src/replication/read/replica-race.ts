import type { Timer } from '../../base/clock.ts';
import { hasCode, StratumError } from '../../base/errors.ts';
import type { Oid } from '../../base/oid.ts';
import type { ByteRange } from '../node-io.ts';
import { isDown, type Placement } from '../placement.ts';
import type { HedgePolicy } from './hedge-policy.ts';
import { OpenReplica } from './open-replica.ts';
import type { ReadFindings } from './read-findings.ts';
import type { QuorumReaderModules } from './reader-settings.ts';

/** The read that the replicas are opened for. */
export interface ReplicaRaceOptions {
  readonly oid: Oid;
  readonly placement: Placement;
  /** In the order in which they are tried. */
  readonly nodeIds: readonly string[];
  /** Milliseconds. */
  readonly stallTimeoutMs: number;
  /** By the monotonic clock. */
  readonly deadlineMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** What a race works with. */
export interface ReplicaRaceModules extends QuorumReaderModules {
  readonly hedges: HedgePolicy;
  readonly findings: ReadFindings;
}

/** A node that has been asked and has not begun to send. */
interface Attempt {
  readonly nodeId: string;
  readonly endpoint: string;
  readonly startedMs: number;
  /** When it is late; infinite once a hedge was refused. */
  lateAtMs: number;
  /** Its abort ends the stream, begun or not. */
  readonly life: AbortController;
  /** Never rejects. */
  readonly outcome: Promise<Outcome>;
}

type Outcome =
  | { readonly kind: 'OPEN'; readonly attempt: Attempt; readonly replica: OpenReplica }
  | { readonly kind: 'FAILED'; readonly attempt: Attempt; readonly error: unknown };

const late = { kind: 'LATE' } as const;

/**
 * Opens one replica after another, each node once. When one is late with its first byte, the next is
 * asked beside it; whoever begins first is taken, and the other is cancelled and may be asked again.
 */
export class ReplicaRace {
  readonly #options: ReplicaRaceOptions;
  readonly #modules: ReplicaRaceModules;
  readonly #left: string[];

  constructor(options: ReplicaRaceOptions, modules: ReplicaRaceModules) {
    this.#options = options;
    this.#modules = modules;
    this.#left = [...options.nodeIds];
  }

  /** A replica that has begun to send the range; rejects with the findings' verdict when none is left. */
  async next(range: ByteRange): Promise<OpenReplica> {
    const { signal } = this.#options;
    const running = new Set<Attempt>();
    const end = () => {
      for (const { life } of running) life.abort(signal?.reason);
    };
    signal?.addEventListener('abort', end, { once: true });
    try {
      for (;;) {
        signal?.throwIfAborted();
        if (running.size === 0) running.add(this.#start(range));
        const event = await this.#nextEvent(running);
        if (event.kind === 'LATE') {
          this.#hedge(running, range);
          continue;
        }
        running.delete(event.attempt);
        if (event.kind === 'OPEN') {
          this.#modules.hedges.record(event.attempt.nodeId, this.#elapsedMs(event.attempt), 'WELL');
          return event.replica;
        }
        this.#fail(event.attempt, event.error);
      }
    } finally {
      signal?.removeEventListener('abort', end);
      for (const attempt of running) this.#overtake(attempt);
    }
  }

  /** Milliseconds that the whole read has left. */
  leftMs(): number {
    return Math.max(0, this.#options.deadlineMs - this.#modules.clock.monotonicMs());
  }

  #start(range: ByteRange): Attempt {
    const leftMs = this.leftMs();
    if (leftMs === 0) this.#giveUpTheRest();
    const nodeId = this.#left.shift();
    if (nodeId === undefined) throw this.#modules.findings.verdict();
    const { clock, nodes, hedges } = this.#modules;
    const { oid, stallTimeoutMs } = this.#options;
    const node = nodes.reader(nodeId);
    const endpoint = node?.endpoint ?? 'unknown';
    const life = new AbortController();
    const open = async () => {
      if (node === undefined) throw new StratumError('UNREACHABLE', `${nodeId} is not registered`, { endpoint });
      const limits = { clock, stallMs: Math.min(stallTimeoutMs, leftMs) };
      return OpenReplica.open(node, { oid, range, timeoutMs: leftMs }, limits, life);
    };
    const startedMs = clock.monotonicMs();
    const attempt: Attempt = {
      nodeId,
      endpoint,
      startedMs,
      lateAtMs: startedMs + hedges.delayMs(nodeId),
      life,
      outcome: open().then(
        (replica) => ({ kind: 'OPEN', attempt, replica }),
        (error: unknown) => ({ kind: 'FAILED', attempt, error }),
      ),
    };
    return attempt;
  }

  /** The first attempt that has ended, or that the only one is late and another may be asked. */
  async #nextEvent(running: ReadonlySet<Attempt>): Promise<Outcome | typeof late> {
    const outcomes = [...running].map(({ outcome }) => outcome);
    const waitMs = this.#hedgeInMs(running);
    if (waitMs === undefined) return Promise.race(outcomes);
    const { promise, resolve } = Promise.withResolvers<typeof late>();
    const timer: Timer = this.#modules.clock.after(waitMs, () => resolve(late));
    try {
      return await Promise.race([...outcomes, promise]);
    } finally {
      timer.cancel();
    }
  }

  /** Milliseconds until a hedge is due; undefined when there will be none. */
  #hedgeInMs(running: ReadonlySet<Attempt>): number | undefined {
    const [attempt] = running;
    const [next] = this.#left;
    if (running.size !== 1 || attempt === undefined || next === undefined) return undefined;
    if (!Number.isFinite(attempt.lateAtMs) || isDown(this.#options.placement.topology, next)) return undefined;
    return Math.max(0, attempt.lateAtMs - this.#modules.clock.monotonicMs());
  }

  #hedge(running: Set<Attempt>, range: ByteRange): void {
    if (this.leftMs() > 0 && this.#modules.hedges.tryHedge()) {
      running.add(this.#start(range));
      return;
    }
    for (const attempt of running) attempt.lateAtMs = Number.POSITIVE_INFINITY;
  }

  #fail(attempt: Attempt, error: unknown): void {
    const { hedges, findings } = this.#modules;
    if (hasCode(error, 'DEADLINE_EXCEEDED')) hedges.record(attempt.nodeId, this.#elapsedMs(attempt), 'OVERTAKEN');
    findings.add(attempt.nodeId, attempt.endpoint, error);
  }

  /** It is not blamed for being slower, and comes last if the other breaks off. */
  #overtake(attempt: Attempt): void {
    this.#modules.hedges.record(attempt.nodeId, this.#elapsedMs(attempt), 'OVERTAKEN');
    attempt.life.abort(new StratumError('CANCELLED', `another replica was faster than ${attempt.nodeId}`));
    this.#left.push(attempt.nodeId);
  }

  #giveUpTheRest(): void {
    const { findings, nodes } = this.#modules;
    for (const nodeId of this.#left.splice(0)) {
      const endpoint = nodes.reader(nodeId)?.endpoint ?? 'unknown';
      const message = `${nodeId} was not asked: the time for the read is over`;
      findings.add(nodeId, endpoint, new StratumError('DEADLINE_EXCEEDED', message, { endpoint }));
    }
  }

  #elapsedMs({ startedMs }: Attempt): number {
    return this.#modules.clock.monotonicMs() - startedMs;
  }
}
