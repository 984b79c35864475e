import { type NodeFailure, StratumError } from '../../base/errors.ts';
import { smallBlobsBytesMax } from '../../rpc/limits.ts';
import type { PutFate, SmallBlob } from '../../store/blob-store.ts';
import type { Topology } from '../../topology/topology.ts';
import type { PutManyFate } from '../object-api.ts';
import { leftOut, placementIn } from '../placement.ts';
import { fenceOf } from './newer-topology.ts';
import type { RoundModules, RoundOptions, WritesUnderWay } from './put-round.ts';
import { failureAt, givenUp, insufficientReplicas, type WriteTarget } from './write-failure.ts';

/** Blobs of one message; more would make the first of them wait for the last. */
const sliceBlobsMax = 1024;
/** Messages of one call under way to one node. */
const slicesInFlightMax = 4;

/** A blob that is written, and what is known of it. The copies are counted here, and no promise is made for a blob. */
interface Vote {
  readonly blob: SmallBlob;
  readonly nodeIds: readonly string[];
  achieved: number;
  pending: number;
  /** Nodes that answered, by their place in `nodeIds`. */
  answered: number;
  failures: NodeFailure[] | undefined;
  state: 'open' | 'durable' | 'hopeless';
}

/** Many small blobs' writes to all their own nodes, placed by one topology. It begins when it is made. */
export class PutManyRound implements WritesUnderWay {
  readonly #topology: Topology;
  readonly #options: RoundOptions;
  readonly #modules: RoundModules;
  readonly #votes: readonly Vote[];
  readonly #giveUp = new AbortController();
  readonly #answer = Promise.withResolvers<void>();
  /** Blobs that are neither durable nor hopeless. */
  #open: number;
  #durable = 0;
  #nodesPending = 0;
  #failedWrites = 0;
  readonly settled: Promise<void>;

  constructor(blobs: readonly SmallBlob[], topology: Topology, options: RoundOptions, modules: RoundModules) {
    this.#topology = topology;
    this.#options = options;
    this.#modules = modules;
    this.#votes = blobs.map((blob) => voteOn(blob, topology));
    this.#open = blobs.length;
    const nodes = [...this.#byNode()];
    this.#nodesPending = nodes.length;
    const sends = nodes.map(([nodeId, votes]) => this.#sendAll(nodeId, votes));
    this.settled = Promise.all(sends).then(() => undefined);
    this.#decide();
  }

  get isPending(): boolean {
    return this.#nodesPending > 0;
  }

  get failedWrites(): number {
    return this.#failedWrites;
  }

  /** Resolves when each blob has its required copies or cannot have them any more. */
  async answer(): Promise<void> {
    const { signal } = this.#options;
    const onAbort = () => this.abandon(signal?.reason);
    signal?.addEventListener('abort', onAbort, { once: true });
    if (signal?.aborted) onAbort();
    await this.#answer.promise;
    signal?.removeEventListener('abort', onAbort);
  }

  /** What is known of each blob, in order. */
  fates(): (PutManyFate | StratumError)[] {
    const { required } = this.#options;
    const { replicationFactor } = this.#topology.ring;
    return this.#votes.map((vote) => {
      const { achieved, failures, nodeIds } = vote;
      if (vote.state !== 'durable') return this.#insufficient(vote);
      return { required, achieved, degraded: failures !== undefined || nodeIds.length < replicationFactor };
    });
  }

  abandon(reason: unknown): void {
    this.#giveUp.abort(reason);
  }

  /** What each node is to be sent; nodes that are left out have failed already. */
  #byNode(): Map<string, Vote[]> {
    const { required } = this.#options;
    const { ring } = this.#topology;
    const byNode = new Map<string, Vote[]>();
    const outOf = new Map<readonly string[], ReadonlyMap<string, NodeFailure>>();
    for (const vote of this.#votes) {
      const { nodeIds } = vote;
      let out = outOf.get(nodeIds);
      if (out === undefined) {
        const reasons = leftOut({ topology: this.#topology, ring, nodeIds }, required);
        out = new Map([...reasons].map(([nodeId, reason]) => [nodeId, this.#leftOut(nodeId, reason)]));
        outOf.set(nodeIds, out);
      }
      if (vote.pending < required) {
        this.#giveUpOn(vote); // Nobody is asked to store what cannot be acknowledged.
        continue;
      }
      for (const nodeId of nodeIds) {
        const failure = out.get(nodeId);
        const votes = byNode.get(nodeId);
        if (failure !== undefined) this.#fail(vote, failure);
        else if (votes !== undefined) votes.push(vote);
        else byNode.set(nodeId, [vote]);
      }
    }
    return byNode;
  }

  #leftOut(nodeId: string, reason: string): NodeFailure {
    const target = this.#target(nodeId);
    return failureAt(target, new StratumError('UNREACHABLE', `${nodeId} ${reason}`, { endpoint: target.endpoint }));
  }

  /** Sends a node its blobs, a few messages at a time. */
  async #sendAll(nodeId: string, votes: readonly Vote[]): Promise<void> {
    const slices = slicesOf(votes);
    const sendNext = async () => {
      for (const slice of slices) await this.#send(nodeId, slice);
    };
    await Promise.all(Array.from({ length: slicesInFlightMax }, sendNext));
    this.#nodesPending -= 1;
  }

  async #send(nodeId: string, slice: Slice): Promise<void> {
    const { required, deadlineMs } = this.#options;
    const target = this.#target(nodeId);
    let fates: readonly PutFate[];
    try {
      fates = await this.#modules.writes.run({
        target,
        bytes: slice.bytes,
        deadlineMs,
        signal: this.#giveUp.signal,
        isNeeded: () =>
          slice.votes.some((vote) => vote.state === 'open' && vote.achieved + vote.pending - 1 < required),
        send: (writer, options) => writer.putMany(slice.blobs(), fenceOf(this.#topology), options),
      });
      if (fates.length !== slice.votes.length) throw garbled(target, `${fates.length} fates`);
    } catch (error) {
      const failure = failureAt(target, error);
      for (const vote of slice.votes) this.#fail(vote, failure);
      this.#decide();
      return;
    }
    for (const [index, vote] of slice.votes.entries()) {
      const fate = fates[index];
      if (fate === undefined) this.#fail(vote, failureAt(target, garbled(target, 'no fate for a blob')));
      else if (fate instanceof Error) this.#fail(vote, failureAt(target, fate));
      else this.#succeed(vote, nodeId);
    }
    this.#decide();
  }

  #succeed(vote: Vote, nodeId: string): void {
    this.#modules.tally.record(true);
    markAnswered(vote, nodeId);
    vote.achieved += 1;
    if (vote.state !== 'open' || vote.achieved < this.#options.required) return;
    vote.state = 'durable';
    this.#open -= 1;
    this.#durable += 1;
    for (const failure of vote.failures ?? []) this.#noteGap(vote, failure);
  }

  #fail(vote: Vote, failure: NodeFailure): void {
    this.#modules.tally.record(false);
    this.#failedWrites += 1;
    markAnswered(vote, failure.nodeId);
    vote.failures ??= [];
    vote.failures.push(failure);
    if (vote.state === 'durable') this.#noteGap(vote, failure);
    else if (vote.state === 'open' && vote.achieved + vote.pending < this.#options.required) this.#giveUpOn(vote);
  }

  #giveUpOn(vote: Vote): void {
    vote.state = 'hopeless';
    this.#open -= 1;
  }

  #decide(): void {
    if (this.#open > 0) return;
    this.#answer.resolve();
    if (this.#durable === 0) this.#giveUp.abort(givenUp(this.#options.required));
  }

  /** Every node is named: those that have not answered yet were not waited for. */
  #insufficient({ blob, achieved, nodeIds, answered, failures = [] }: Vote): StratumError {
    const { required } = this.#options;
    const open = nodeIds.filter((_, index) => (answered & (1 << index)) === 0);
    const unheard = open.map((nodeId) => failureAt(this.#target(nodeId), givenUp(required)));
    return insufficientReplicas(blob.oid, required, achieved, [...failures, ...unheard]);
  }

  #noteGap({ blob }: Vote, { nodeId }: NodeFailure): void {
    this.#modules.gaps?.note({ oid: blob.oid, size: blob.content.length, nodeId }, 'MISSED_WRITE');
  }

  #target(nodeId: string): WriteTarget {
    const endpoint = this.#topology.nodes.get(nodeId)?.address ?? 'unknown';
    return { nodeId, endpoint, attempt: this.#options.attempt };
  }
}

/** The rounds of one call: the first one, and those from newer topologies. */
export class PutManyRounds implements WritesUnderWay {
  readonly #rounds: PutManyRound[] = [];

  get isPending(): boolean {
    return this.#rounds.some(({ isPending }) => isPending);
  }

  get failedWrites(): number {
    return this.#rounds.reduce((sum, { failedWrites }) => sum + failedWrites, 0);
  }

  /** Of the rounds that have been added by now. */
  get settled(): Promise<void> {
    return Promise.all(this.#rounds.map((round) => round.settled)).then(() => undefined);
  }

  /** Resolves with the fates of the round's blobs, in order, when all are decided. */
  async add(round: PutManyRound): Promise<readonly (PutManyFate | StratumError)[]> {
    this.#rounds.push(round);
    await round.answer();
    return round.fates();
  }

  abandon(reason: unknown): void {
    for (const round of this.#rounds) round.abandon(reason);
  }
}

function voteOn(blob: SmallBlob, topology: Topology): Vote {
  const { nodeIds } = placementIn(topology, blob.oid);
  return { blob, nodeIds, achieved: 0, pending: nodeIds.length, answered: 0, failures: undefined, state: 'open' };
}

/** N is at most 16 (topology/set-ring-config.ts), so that a number holds a bit for each. */
function markAnswered(vote: Vote, nodeId: string): void {
  vote.pending -= 1;
  vote.answered |= 1 << vote.nodeIds.indexOf(nodeId);
}

function garbled({ nodeId, endpoint }: WriteTarget, what: string): StratumError {
  return new StratumError('DATA_CORRUPT', `PutBlobs at ${nodeId} (${endpoint}) answered with ${what}`);
}

/** Votes that travel in one message. */
interface Slice {
  readonly votes: readonly Vote[];
  readonly bytes: number;
  readonly blobs: () => readonly SmallBlob[];
}

/** Cut when they are taken, so that only those under way take memory. */
function* slicesOf(votes: readonly Vote[]): Generator<Slice, void, undefined> {
  let start = 0;
  while (start < votes.length) {
    let end = start;
    let bytes = 0;
    for (; end < votes.length && end - start < sliceBlobsMax; end += 1) {
      const size = votes[end]?.blob.content.length ?? 0;
      if (end > start && bytes + size > smallBlobsBytesMax) break;
      bytes += size;
    }
    const slice = votes.slice(start, end);
    yield { votes: slice, bytes, blobs: () => slice.map(({ blob }) => blob) };
    start = end;
  }
}
