import type { Clock } from '../../base/clock.ts';
import { withDeadline } from '../../base/deadline.ts';
import { StratumError } from '../../base/errors.ts';
import type { Oid } from '../../base/oid.ts';
import { checkedContent } from '../../store/checked-content.ts';
import type { BlobSource } from '../blob-source.ts';
import type { NodeReader } from '../node-io.ts';

/** How fast bytes may be copied: `pass` waits until they may go. */
export interface CopyThrottle {
  pass(bytes: number, signal: AbortSignal): Promise<void>;
}

/** Values of a replica's copy. */
export interface ReplicaSourceOptions {
  readonly oid: Oid;
  /** Bytes. */
  readonly size: number;
  /** Milliseconds for the whole copy. */
  readonly timeoutMs: number;
  /** Milliseconds until the first answer, and between two chunks. */
  readonly stallTimeoutMs: number;
  readonly signal: AbortSignal;
}

/** What a replica's copy is read with. */
export interface ReplicaSourceModules {
  readonly clock: Clock;
  readonly node: NodeReader;
  readonly throttle?: CopyThrottle | undefined;
}

/**
 * One replica's copy of a blob as a source for another node. It is hashed while it passes, and the
 * iteration ends with an error instead of its end when it is not the blob. `failure` is then what went
 * wrong on the reading side, which the writer to the other node cannot tell from its own troubles.
 */
export class ReplicaSource implements BlobSource {
  readonly oid: Oid;
  readonly size: number;
  readonly #options: ReplicaSourceOptions;
  readonly #modules: ReplicaSourceModules;
  #failure: unknown;

  constructor(options: ReplicaSourceOptions, modules: ReplicaSourceModules) {
    this.oid = options.oid;
    this.size = options.size;
    this.#options = options;
    this.#modules = modules;
  }

  /** Why the last iteration could not be read to its end; undefined when it was, or was ended by its reader. */
  get failure(): unknown {
    return this.#failure;
  }

  async *open(): AsyncGenerator<Buffer, void, undefined> {
    this.#failure = undefined;
    try {
      for await (const chunk of checkedContent(this.oid, this.size, this.#chunks())) {
        yield Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
      }
    } catch (error) {
      this.#failure = error;
      throw error;
    }
  }

  async *#chunks(): AsyncGenerator<Buffer, void, undefined> {
    const { node, throttle } = this.#modules;
    const { timeoutMs, signal } = this.#options;
    const ended = new AbortController();
    const either = AbortSignal.any([signal, ended.signal]);
    let reading: AsyncIterator<Buffer> | undefined;
    const open = async () => {
      const { chunks } = await node.get(this.oid, { offset: 0 }, { timeoutMs, signal: either });
      reading = chunks[Symbol.asyncIterator]();
      if (either.aborted) end(reading); // It came too late, and nobody waits for it.
      return reading;
    };
    try {
      const iterator = await this.#within(open);
      for (;;) {
        const result = await this.#within(() => iterator.next());
        if (result.done === true) return;
        await throttle?.pass(result.value.length, signal);
        yield result.value;
      }
    } finally {
      ended.abort(new StratumError('CANCELLED', `the copy of ${this.oid} from ${node.nodeId} has ended`));
      end(reading);
    }
  }

  #within<T>(step: () => Promise<T>): Promise<T> {
    const { stallTimeoutMs, signal } = this.#options;
    const { clock, node } = this.#modules;
    return withDeadline(clock, `read of ${this.oid} at ${node.nodeId}`, stallTimeoutMs, step, signal);
  }
}

/** Frees what a stream holds open. */
function end(reading: AsyncIterator<Buffer> | undefined): void {
  // Not awaited: behind a chunk that never comes it would not return either.
  reading?.return?.()?.catch(() => undefined);
}
