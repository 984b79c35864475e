import { createHash, type Hash } from 'node:crypto';
import type { Clock } from '../base/clock.ts';
import { withDeadline } from '../base/deadline.ts';
import { asStratumError, hasCode, type NodeFailure, StratumError } from '../base/errors.ts';
import type { Oid } from '../base/oid.ts';
import type { TopologySource } from '../topology/topology.ts';
import type { NodeDirectory } from './node-directory.ts';
import type { BlobStream, ByteRange } from './node-io.ts';
import type { QuorumCallOptions } from './object-api.ts';
import { type Placement, placementOf, stateRank } from './placement.ts';
import { requiredDenials } from './quorum-math.ts';

/** Values of a quorum reader; each has a default. */
export interface QuorumReaderOptions {
  /** Milliseconds until a node's first answer, and between two chunks, before the next replica's turn. */
  readonly stallTimeoutMs?: number;
  /** Milliseconds for a whole read of an unknown size. */
  readonly timeoutMs?: number;
}

/** What a quorum reader works with. */
export interface QuorumReaderModules {
  readonly clock: Clock;
  readonly topology: TopologySource;
  readonly nodes: NodeDirectory;
}

/** An hour: 16 GiB at 5 MiB/s; stalls are noticed long before. */
const defaults = { stallTimeoutMs: 10_000, timeoutMs: 3_600_000 };

/** An open stream and the node that it comes from. */
interface OpenReplica {
  readonly nodeId: string;
  readonly endpoint: string;
  readonly size: number;
  readonly chunks: AsyncIterator<Buffer>;
  /** Ends the stream, also while a chunk is awaited. */
  readonly life: AbortController;
}

/**
 * Reads a blob from its own nodes, the likely best first, and goes on with the next one where one
 * fails, also in mid-stream. A whole blob is hashed while it passes; wrong bytes end the read with
 * CHECKSUM_MISMATCH and never with a clean end.
 */
export class QuorumReader {
  readonly #options: Required<QuorumReaderOptions>;
  readonly #modules: QuorumReaderModules;

  constructor(options: QuorumReaderOptions, modules: QuorumReaderModules) {
    this.#options = { ...defaults, ...options };
    this.#modules = modules;
  }

  /** See ObjectApi.get. */
  async get(oid: Oid, range: ByteRange = { offset: 0 }, options: QuorumCallOptions = {}): Promise<BlobStream> {
    const read = new ReplicaRead(oid, range, options, this.#options, this.#modules);
    const size = await read.open();
    return { size, chunks: read.chunks() };
  }
}

/** One read: the replicas that are left to try, what failed, and how far it is. */
class ReplicaRead {
  readonly #oid: Oid;
  readonly #range: ByteRange;
  readonly #call: QuorumCallOptions;
  readonly #options: Required<QuorumReaderOptions>;
  readonly #modules: QuorumReaderModules;
  readonly #placement: Placement;
  readonly #left: string[];
  readonly #failures: NodeFailure[] = [];
  readonly #suppliers: string[] = [];
  readonly #deadlineMs: number;
  /** Of a whole blob; a range cannot be checked. */
  readonly #hash: Hash | undefined;
  #replica: OpenReplica | undefined;
  #deliveredBytes = 0;

  constructor(
    oid: Oid,
    range: ByteRange,
    call: QuorumCallOptions,
    options: Required<QuorumReaderOptions>,
    modules: QuorumReaderModules,
  ) {
    this.#oid = oid;
    this.#range = range;
    this.#call = call;
    this.#options = options;
    this.#modules = modules;
    this.#placement = placementOf(modules.topology, oid);
    this.#left = this.#inOrder();
    this.#deadlineMs = modules.clock.monotonicMs() + (call.timeoutMs ?? options.timeoutMs);
    this.#hash = range.offset === 0 && range.length === undefined ? createHash('sha256') : undefined;
  }

  /** Opens the first replica that has the blob; its whole size in bytes. */
  async open(): Promise<number> {
    this.#replica = await this.#next();
    return this.#replica.size;
  }

  /** The bytes. Ending the iteration, begun or not, frees the replica. */
  chunks(): AsyncIterable<Buffer> {
    const iterator: AsyncIterator<Buffer, undefined, undefined> = {
      next: () => this.#nextChunk(),
      return: async () => {
        this.#close(new StratumError('CANCELLED', 'the reader ended the read'));
        return { done: true, value: undefined };
      },
    };
    return { [Symbol.asyncIterator]: () => iterator };
  }

  async #nextChunk(): Promise<IteratorResult<Buffer, undefined>> {
    for (;;) {
      const replica = this.#replica;
      if (replica === undefined) return { done: true, value: undefined };
      try {
        const result = await this.#within(`read from ${replica.nodeId}`, () => replica.chunks.next());
        if (!result.done) return { done: false, value: this.#take(result.value, replica) };
        if (this.#deliveredBytes < this.#wantedBytes(replica.size)) throw cutShort(replica, this.#deliveredBytes);
        this.#replica = undefined;
        this.#checkHash();
        return { done: true, value: undefined };
      } catch (error) {
        this.#close(error);
        // Bytes that have been delivered cannot be taken back: the whole read has to be repeated.
        if (hasCode(error, 'CHECKSUM_MISMATCH') || this.#call.signal?.aborted) throw error;
        this.#note(replica.nodeId, replica.endpoint, error);
        this.#replica = await this.#next();
      }
    }
  }

  #take(chunk: Buffer, { nodeId }: OpenReplica): Buffer {
    this.#hash?.update(chunk);
    this.#deliveredBytes += chunk.length;
    if (this.#suppliers.at(-1) !== nodeId) this.#suppliers.push(nodeId);
    return chunk;
  }

  #wantedBytes(size: number): number {
    const rest = Math.max(0, size - this.#range.offset);
    return Math.min(rest, this.#range.length ?? rest);
  }

  #checkHash(): void {
    const got = this.#hash?.digest('hex');
    if (got === undefined || got === this.#oid) return;
    const nodeId = this.#suppliers.join(', ');
    const message = `the content of blob ${this.#oid} from ${nodeId} hashes to ${got}`;
    const details = { oid: this.#oid, nodeId, expected: this.#oid, got };
    throw new StratumError('CHECKSUM_MISMATCH', message, details, {
      hint: 'read it again: another replica may be sound',
    });
  }

  /** Opens the next replica where the last one stopped; rejects when none is left. */
  async #next(): Promise<OpenReplica> {
    for (let nodeId = this.#left.shift(); nodeId !== undefined; nodeId = this.#left.shift()) {
      this.#call.signal?.throwIfAborted();
      const node = this.#modules.nodes.reader(nodeId);
      const endpoint = node?.endpoint ?? 'unknown';
      const life = new AbortController();
      try {
        if (node === undefined) throw new StratumError('UNREACHABLE', `${nodeId} is not registered`, { endpoint });
        const timeoutMs = this.#leftMs();
        const get = () => node.get(this.#oid, this.#remaining(), { timeoutMs, signal: life.signal });
        const { size, chunks } = await this.#within(`open at ${nodeId}`, get);
        return { nodeId, endpoint, size, chunks: chunks[Symbol.asyncIterator](), life };
      } catch (error) {
        life.abort(error);
        if (this.#call.signal?.aborted) throw this.#call.signal.reason;
        this.#note(nodeId, endpoint, error);
      }
    }
    throw this.#exhausted();
  }

  #remaining(): ByteRange {
    const { offset, length } = this.#range;
    const from = offset + this.#deliveredBytes;
    return length === undefined ? { offset: from } : { offset: from, length: length - this.#deliveredBytes };
  }

  #leftMs(): number {
    return Math.max(1, this.#deadlineMs - this.#modules.clock.monotonicMs());
  }

  /** Runs one step within the stall time-out. */
  #within<T>(what: string, step: () => Promise<T>): Promise<T> {
    const stallMs = Math.min(this.#options.stallTimeoutMs, this.#leftMs());
    return withDeadline(this.#modules.clock, what, stallMs, step, this.#call.signal);
  }

  #close(reason: unknown): void {
    const replica = this.#replica;
    this.#replica = undefined;
    replica?.life.abort(reason);
    // Not awaited: behind a chunk that never comes it would not return either. What it has to say was said already.
    replica?.chunks.return?.().catch(() => undefined);
  }

  #note(nodeId: string, endpoint: string, error: unknown): void {
    this.#failures.push({ nodeId, endpoint, attempt: 1, error: asStratumError(error) });
  }

  /** The likely best first: good nodes before doubtful ones, this process before others, then the ring's order. */
  #inOrder(): string[] {
    const { topology, nodeIds } = this.#placement;
    const distance = (nodeId: string) => (this.#modules.nodes.reader(nodeId)?.endpoint === 'in-process' ? 0 : 1);
    return nodeIds.toSorted((a, b) => stateRank(topology, a) - stateRank(topology, b) || distance(a) - distance(b));
  }

  /** Every replica was tried: not found when enough nodes say so, and otherwise it cannot be said. */
  #exhausted(): StratumError {
    const denials = this.#failures.filter(({ error }) => hasCode(error, 'BLOB_NOT_FOUND')).length;
    const required = Math.min(
      requiredDenials(this.#call.level ?? 'QUORUM', this.#placement.ring),
      this.#placement.nodeIds.length,
    );
    if (denials >= required) {
      const details = { kind: 'blob', id: this.#oid };
      return new StratumError('BLOB_NOT_FOUND', `no node holds blob ${this.#oid}`, details);
    }
    const reasons = this.#failures.map(({ nodeId, error }) => `${nodeId}: ${error.message}`).join('; ');
    const message = `blob ${this.#oid} cannot be read, nor be called missing: ${reasons}`;
    const details = { required: 1, achieved: 0, nodes: this.#failures };
    return new StratumError('INSUFFICIENT_REPLICAS', message, details, {
      hint: 'stratum ring locate --verify tells what each node holds',
    });
  }
}

function cutShort({ nodeId, endpoint }: OpenReplica, bytes: number): StratumError {
  return new StratumError('UNREACHABLE', `${nodeId} ended the blob after ${bytes} bytes`, { endpoint });
}
