import type { Clock } from '../../base/clock.ts';
import { StratumError } from '../../base/errors.ts';
import { MiB } from '../../base/units.ts';
import { smallBlobBytesMax, smallBlobsBytesMax } from '../../rpc/limits.ts';
import type { SmallBlob } from '../../store/blob-store.ts';
import type { Topology, TopologySource } from '../../topology/topology.ts';
import type { BlobSource } from '../blob-source.ts';
import type { NodeDirectory } from '../node-directory.ts';
import { NodeLatencies } from '../node-latency.ts';
import type { PutManyFate, PutManyOutcome, PutOutcome, QuorumCallOptions } from '../object-api.ts';
import { formedTopology, placementIn } from '../placement.ts';
import { requiredCopies } from '../quorum-math.ts';
import type { GapSink } from '../replica-gaps.ts';
import { BackgroundBudget } from './background-budget.ts';
import { fenceOf, fenceWanted, NewerTopology } from './newer-topology.ts';
import { NodeWrites } from './node-writes.ts';
import { PutManyRound, PutManyRounds } from './put-many-round.ts';
import { PutRound, type RoundModules, type RoundOptions, type WritesUnderWay } from './put-round.ts';
import { WriteTally } from './write-tally.ts';

/** Values of a quorum writer; each has a default. */
export interface QuorumWriterOptions {
  /** Milliseconds for a write of no bytes. */
  readonly timeoutMs?: number | undefined;
  /** Milliseconds for each MiB in addition: 200 is a disk or a network of 5 MiB/s. */
  readonly timeoutPerMiBMs?: number | undefined;
  /** Calls whose remaining writes may go on after the answer; see BackgroundBudget for those beyond it. */
  readonly backgroundMax?: number | undefined;
  /** Bytes of these calls together. */
  readonly backgroundBytesMax?: number | undefined;
  /** Writes under way at one node. */
  readonly nodeWritesMax?: number | undefined;
  /** Bytes under way to one node. */
  readonly nodeBytesMax?: number | undefined;
  /** Writes that wait for their turn at one node; the next ones fail there with OVERLOADED. */
  readonly nodeWaitingMax?: number | undefined;
}

/** What a quorum writer works with. */
export interface QuorumWriterModules {
  readonly clock: Clock;
  readonly topology: TopologySource;
  readonly nodes: NodeDirectory;
  /** Told of own nodes that lack a blob that is durable elsewhere. */
  readonly gaps?: GapSink | undefined;
  /** What nodes took lately, shared with the reader; the writer's own when absent. */
  readonly latencies?: NodeLatencies | undefined;
}

/**
 * Writes a blob to all N of its own nodes at once and answers at the W-th durable success; the rest
 * go on in the background. It never says success for less than the level asks for, and a failure
 * carries every node's own error. A node that knows a newer ring or term has the write repeated
 * from the newer topology, within the same deadline.
 */
export class QuorumWriter {
  readonly #timeoutMs: number;
  readonly #timeoutPerMiBMs: number;
  readonly #modules: QuorumWriterModules;
  readonly #round: RoundModules;
  readonly #background: BackgroundBudget;
  readonly #newer: NewerTopology;
  readonly tally = new WriteTally();

  constructor(options: QuorumWriterOptions, modules: QuorumWriterModules) {
    const { clock, nodes, gaps, latencies = new NodeLatencies({ clock }) } = modules;
    this.#timeoutMs = options.timeoutMs ?? 10_000;
    this.#timeoutPerMiBMs = options.timeoutPerMiBMs ?? 200;
    this.#modules = modules;
    const perNode = {
      timeoutPerMiBMs: this.#timeoutPerMiBMs,
      nodeWritesMax: options.nodeWritesMax ?? 256,
      nodeBytesMax: options.nodeBytesMax ?? 64 * MiB,
      nodeWaitingMax: options.nodeWaitingMax ?? 4096,
    };
    this.#round = { writes: new NodeWrites(perNode, { clock, nodes, latencies }), tally: this.tally, gaps };
    this.#background = new BackgroundBudget(
      { countMax: options.backgroundMax ?? 256, bytesMax: options.backgroundBytesMax ?? 256 * MiB },
      { clock },
    );
    this.#newer = new NewerTopology(modules);
  }

  /** See ObjectApi.put. */
  async put(source: BlobSource, options: QuorumCallOptions = {}): Promise<PutOutcome> {
    const deadlineMs = this.#deadlineMs(options, source.size);
    for (let attempt = 1; ; attempt += 1) {
      options.signal?.throwIfAborted();
      const { topology, about } = this.#nextRound(options, deadlineMs, attempt);
      const placement = placementIn(topology, source.oid);
      const round = new PutRound(source, placement, about, this.#round);
      try {
        await round.answer();
      } catch (error) {
        if (await this.#hasNewer([error], topology, about)) continue;
        throw error;
      }
      // A large blob is streamed: what goes on of it holds no more than a message.
      await this.#admitToBackground(Math.min(source.size, smallBlobsBytesMax), round);
      const { achieved } = round;
      const failures = [...round.failures];
      const degraded = failures.length > 0 || placement.nodeIds.length < topology.ring.replicationFactor;
      const settled = round.settled.then(() => ({ succeeded: round.achieved, failures: round.failures }));
      return { oid: source.oid, required: about.required, achieved, failures, degraded, settled };
    }
  }

  /** See SmallObjectApi.putMany. */
  async putMany(blobs: readonly SmallBlob[], options: QuorumCallOptions = {}): Promise<PutManyOutcome> {
    options.signal?.throwIfAborted();
    const fates = blobs.map<PutManyFate | StratumError | undefined>(({ content }) => refusalOf(content));
    let open = blobs.map((blob, place) => ({ blob, place })).filter(({ place }) => fates[place] === undefined);
    const bytes = open.reduce((sum, { blob }) => sum + blob.content.length, 0);
    const deadlineMs = this.#deadlineMs(options, bytes);
    const rounds = new PutManyRounds();
    for (let attempt = 1; open.length > 0; attempt += 1) {
      const { topology, about } = this.#nextRound(options, deadlineMs, attempt);
      const contents = open.map(({ blob }) => blob);
      const answers = await rounds.add(new PutManyRound(contents, topology, about, this.#round));
      for (const [index, { place }] of open.entries()) fates[place] = answers[index];
      open = open.filter((_, index) => fenceWanted([answers[index]]) !== undefined);
      if (!(await this.#hasNewer(answers, topology, about))) break;
    }
    await this.#admitToBackground(bytes, rounds);
    return { fates: fates.filter((fate) => fate !== undefined), settled: rounds.settled };
  }

  #nextRound({ level = 'QUORUM', signal }: QuorumCallOptions, deadlineMs: number, attempt: number) {
    const topology = formedTopology(this.#modules.topology);
    const required = requiredCopies(level, topology.ring);
    const about: RoundOptions = { required, deadlineMs, attempt, signal };
    return { topology, about };
  }

  /** Whether nodes refused an old fence, and there is a newer topology to try again from. */
  async #hasNewer(outcomes: readonly unknown[], used: Topology, { deadlineMs, signal }: RoundOptions) {
    const wanted = fenceWanted(outcomes);
    if (wanted === undefined) return false;
    return this.#newer.reach(wanted, fenceOf(used), deadlineMs, signal);
  }

  async #admitToBackground(bytes: number, writes: WritesUnderWay): Promise<void> {
    if (!writes.isPending) return;
    const { failedWrites } = writes;
    const settled = writes.settled.then(() => writes.failedWrites === failedWrites);
    const abandon = () => writes.abandon(tooManyInBackground());
    // What is abandoned must be known to somebody who makes up for it.
    await this.#background.admit({ bytes, settled, abandon: this.#modules.gaps && abandon });
  }

  #deadlineMs({ timeoutMs }: QuorumCallOptions, bytes: number): number {
    const forCallMs = timeoutMs ?? this.#timeoutMs + (bytes / MiB) * this.#timeoutPerMiBMs;
    return this.#modules.clock.monotonicMs() + Math.max(1, forCallMs);
  }
}

function refusalOf(content: Buffer): StratumError | undefined {
  if (content.length <= smallBlobBytesMax) return undefined;
  const reason = `${content.length} bytes`;
  const expected = `at most ${smallBlobBytesMax} bytes`;
  const message = `a blob of ${reason} is not a small one: ${expected}`;
  return new StratumError('INVALID_ARGUMENT', message, { field: 'content', reason, expected });
}

function tooManyInBackground(): StratumError {
  const message = 'abandoned: too many writes go on in the background already';
  return new StratumError('OVERLOADED', message, { retryAfterMs: 0 });
}
