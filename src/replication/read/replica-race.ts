import type { Timer } from '../../base/clock.ts';
import { hasCode, StratumError } from '../../base/errors.ts';
import type { Oid } from '../../base/oid.ts';
import type { ByteRange } from '../node-io.ts';
import { isDown, type Placement } from '../placement.ts';
import type { HedgePolicy } from './hedge-policy.ts';
import { OpenReplica } from './open-replica.ts';
import type { ReadFindings } from './read-findings.ts';
import type { QuorumReaderModules } from './reader-settings.ts';
import { stallTimeMs } from './stall-time.ts';

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
  /** Asked beside one that is late. */
  readonly isHedge: boolean;
  /** When it is late. */
  readonly lateAtMs: number;
  /** No other is asked beside it. */
  isHedgeRefused: boolean;
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
 * asked beside it; whoever begins first is taken, and the other is cancelled and may be asked again. When
 * enough nodes have said that they lack the blob, the others have no more than their usual time to say otherwise.
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
        if (running.size === 0) running.add(this.#start(range, false));
        const event = await this.#nextEvent(running);
        if (event.kind === 'LATE') {
          this.#onLate(running, range);
          continue;
        }
        running.delete(event.attempt);
        if (event.kind === 'OPEN') return this.#take(event.attempt, event.replica);
        this.#fail(event.attempt, event.error);
      }
    } finally {
      signal?.removeEventListener('abort', end);
      for (const attempt of running) this.#overtake(attempt);
    }
  }

  /** Milliseconds that a replica may take for its first byte, or for its next chunk. */
  stallMs(): number {
    const { placement, stallTimeoutMs } = this.#options;
    const others = this.#left.filter((nodeId) => !isDown(placement.topology, nodeId));
    return stallTimeMs(this.#leftMs(), others.length, stallTimeoutMs);
  }

  /** Milliseconds that the whole read has left. */
  #leftMs(): number {
    return Math.max(0, this.#options.deadlineMs - this.#modules.clock.monotonicMs());
  }

  #start(range: ByteRange, isHedge: boolean): Attempt {
    const leftMs = this.#leftMs();
    if (leftMs === 0) this.#giveUpTheRest();
    const nodeId = this.#shiftNext();
    if (nodeId === undefined) throw this.#modules.findings.verdict();
    const { clock, nodes, hedges } = this.#modules;
    const { oid } = this.#options;
    const node = nodes.reader(nodeId);
    const endpoint = node?.endpoint ?? 'unknown';
    const life = new AbortController();
    const stallMs = this.stallMs();
    const open = async () => {
      if (node === undefined) throw new StratumError('UNREACHABLE', `${nodeId} is not registered`, { endpoint });
      return OpenReplica.open(node, { oid, range, timeoutMs: leftMs }, { clock, stallMs }, life);
    };
    const startedMs = clock.monotonicMs();
    const attempt: Attempt = {
      nodeId,
      endpoint,
      startedMs,
      isHedge,
      lateAtMs: startedMs + hedges.delayMs(nodeId),
      isHedgeRefused: false,
      life,
      outcome: open().then(
        (replica) => ({ kind: 'OPEN', attempt, replica }),
        (error: unknown) => ({ kind: 'FAILED', attempt, error }),
      ),
    };
    return attempt;
  }

  /** The node whose turn it is. Who is DOWN is not waited for when the blob counts as missing already. */
  #shiftNext(): string | undefined {
    const [next] = this.#left;
    const isInVain = next !== undefined && this.#modules.findings.isDenied && this.#isDown(next);
    return isInVain ? undefined : this.#left.shift();
  }

  /** The first attempt that has ended, or that all are late where that makes a difference. */
  async #nextEvent(running: ReadonlySet<Attempt>): Promise<Outcome | typeof late> {
    const outcomes = [...running].map(({ outcome }) => outcome);
    const waitMs = this.#lateInMs(running);
    if (waitMs === undefined) return Promise.race(outcomes);
    if (waitMs === 0) return Promise.race([...outcomes, Promise.resolve(late)]);
    const { promise, resolve } = Promise.withResolvers<typeof late>();
    const timer: Timer = this.#modules.clock.after(waitMs, () => resolve(late));
    try {
      return await Promise.race([...outcomes, promise]);
    } finally {
      timer.cancel();
    }
  }

  /** Milliseconds until all that run are late; undefined when nothing would come of it. */
  #lateInMs(running: ReadonlySet<Attempt>): number | undefined {
    const lateAtMs = Math.max(...[...running].map((attempt) => attempt.lateAtMs));
    const inMs = Math.max(0, lateAtMs - this.#modules.clock.monotonicMs());
    return this.#modules.findings.isDenied || this.#mayHedge(running) ? inMs : undefined;
  }

  #mayHedge(running: ReadonlySet<Attempt>): boolean {
    const [attempt] = running;
    const [next] = this.#left;
    return running.size === 1 && attempt?.isHedgeRefused === false && next !== undefined && !this.#isDown(next);
  }

  #isDown(nodeId: string): boolean {
    return isDown(this.#options.placement.topology, nodeId);
  }

  /** Asks another replica beside those that are late, which are not waited for when the blob counts as missing already. */
  #onLate(running: Set<Attempt>, range: ByteRange): void {
    const { findings, hedges } = this.#modules;
    if (this.#mayHedge(running) && this.#leftMs() > 0 && hedges.tryHedge()) running.add(this.#start(range, true));
    else if (findings.isDenied) throw findings.verdict();
    else for (const attempt of running) attempt.isHedgeRefused = true;
  }

  #take(attempt: Attempt, replica: OpenReplica): OpenReplica {
    const { hedges } = this.#modules;
    if (attempt.isHedge) hedges.end('won');
    hedges.record(attempt.nodeId, this.#elapsedMs(attempt), 'WELL');
    return replica;
  }

  #fail(attempt: Attempt, error: unknown): void {
    const { hedges, findings } = this.#modules;
    if (attempt.isHedge) hedges.end('lost');
    if (hasCode(error, 'DEADLINE_EXCEEDED')) hedges.record(attempt.nodeId, this.#elapsedMs(attempt), 'OVERTAKEN');
    findings.add(attempt.nodeId, attempt.endpoint, error);
  }

  /** It is not blamed for being slower, and comes last if the other breaks off. */
  #overtake(attempt: Attempt): void {
    const { hedges } = this.#modules;
    if (attempt.isHedge) hedges.end('lost');
    hedges.record(attempt.nodeId, this.#elapsedMs(attempt), 'OVERTAKEN');
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
