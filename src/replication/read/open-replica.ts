import type { Clock } from '../../base/clock.ts';
import { withDeadline } from '../../base/deadline.ts';
import { StratumError } from '../../base/errors.ts';
import type { Oid } from '../../base/oid.ts';
import type { ByteRange, NodeReader } from '../node-io.ts';

/** Milliseconds for a node to end a stream of which all bytes are there, before it is cancelled. */
const endTimeoutMs = 1000;

/** How long one step at a node may take, and who ends it early. */
export interface StepLimits {
  readonly clock: Clock;
  /** Milliseconds. */
  readonly stallMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** What is asked of one node. */
export interface ReplicaQuestion {
  readonly oid: Oid;
  readonly range: ByteRange;
  /** Milliseconds for the whole stream. */
  readonly timeoutMs: number;
}

/** One for all reads: an error with its stack costs as much as a small read, and this one is seen by nobody. */
const allBytesThere = new StratumError('CANCELLED', 'all bytes were there');

/** A stream that one node has begun to send: its first chunk is there. */
export class OpenReplica {
  readonly nodeId: string;
  readonly endpoint: string;
  /** Bytes of the whole blob, as the node says. */
  readonly size: number;
  readonly #chunks: AsyncIterator<Buffer>;
  /** Its abort ends the stream, also while a chunk is awaited. */
  readonly #life: AbortController;
  #first: IteratorResult<Buffer> | undefined;

  private constructor(
    { nodeId, endpoint }: NodeReader,
    stream: { readonly size: number; readonly chunks: AsyncIterator<Buffer>; readonly first: IteratorResult<Buffer> },
    life: AbortController,
  ) {
    this.nodeId = nodeId;
    this.endpoint = endpoint;
    this.size = stream.size;
    this.#chunks = stream.chunks;
    this.#first = stream.first;
    this.#life = life;
  }

  /**
   * Opens a node's stream and waits for its first chunk, both within `stallMs`. The stream ends with `life`
   * at any time, however late the node answers; when this rejects, it has ended.
   */
  static async open(
    node: NodeReader,
    { oid, range, timeoutMs }: ReplicaQuestion,
    { clock, stallMs }: StepLimits,
    life: AbortController,
  ): Promise<OpenReplica> {
    const { signal } = life;
    const begin = async () => {
      const stream = await node.get(oid, range, { timeoutMs, signal });
      const chunks = stream.chunks[Symbol.asyncIterator]();
      if (signal.aborted) endIteration(chunks);
      signal.throwIfAborted();
      signal.addEventListener('abort', () => endIteration(chunks), { once: true });
      return new OpenReplica(node, { size: stream.size, chunks, first: await chunks.next() }, life);
    };
    try {
      return await withDeadline(clock, `open at ${node.nodeId}`, stallMs, begin, signal);
    } catch (error) {
      life.abort(error);
      throw error;
    }
  }

  /** The next chunk, or the end; rejects when the node stalls. */
  async next({ clock, stallMs, signal }: StepLimits): Promise<IteratorResult<Buffer>> {
    const first = this.#first;
    this.#first = undefined;
    if (first !== undefined) return first;
    return withDeadline(clock, `read from ${this.nodeId}`, stallMs, () => this.#chunks.next(), signal);
  }

  /** Ends the stream in the middle. */
  close(reason: unknown): void {
    this.#life.abort(reason);
  }

  /** Lets the node end a stream of which all bytes are there, so that it is not told of a cancelled call; waits for nobody. */
  finish(clock: Clock): void {
    const close = () => this.close(allBytesThere);
    this.next({ clock, stallMs: endTimeoutMs }).then(close, close);
  }
}

/** Not awaited: behind a chunk that never comes it would not return either. What it has to say was said already. */
function endIteration(chunks: AsyncIterator<Buffer>): void {
  const end = async () => chunks.return?.();
  end().catch(() => undefined); // See above.
}
