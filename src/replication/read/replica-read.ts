import { createHash, type Hash } from 'node:crypto';
import { StratumError } from '../../base/errors.ts';
import type { Oid } from '../../base/oid.ts';
import type { BlobStream, ByteRange } from '../node-io.ts';
import type { OpenReplica, StepLimits } from './open-replica.ts';
import { corruptCopy, type ReadFindings } from './read-findings.ts';
import type { ReadLife } from './read-life.ts';
import type { QuorumReaderModules } from './reader-settings.ts';
import type { ReplicaRace } from './replica-race.ts';
import type { SuspectCopies } from './suspect-copies.ts';

/** The read, and how it is limited. */
export interface ReplicaReadOptions {
  readonly oid: Oid;
  readonly range: ByteRange;
  /** Bytes up to which a whole blob is verified before it is delivered. */
  readonly bufferedBytesMax: number;
}

/** One for all reads: an error with its stack costs as much as a small read, and this one is seen by nobody. */
const readEnded = new StratumError('CANCELLED', 'the read is over');

/** How a read has ended: with all bytes or by its reader, or with an error. */
type ReadEnd = { readonly kind: 'DONE' } | { readonly kind: 'FAILED'; readonly error: unknown };

/** What a read works with. */
export interface ReplicaReadModules extends Pick<QuorumReaderModules, 'clock'> {
  readonly life: ReadLife;
  readonly race: ReplicaRace;
  readonly findings: ReadFindings;
  readonly suspects: SuspectCopies;
}

/**
 * One read. A whole blob that fits into the buffer is verified before it is delivered, and taken from
 * the next replica when it is wrong: its reader never notices. Of any other the bytes pass as they
 * come, and the next replica goes on where one broke off; a whole one is hashed on the way, and wrong
 * bytes end it with CHECKSUM_MISMATCH and never with a clean end. A range cannot be checked.
 */
export class ReplicaRead {
  readonly #options: ReplicaReadOptions;
  readonly #modules: ReplicaReadModules;
  readonly #isWhole: boolean;
  /** Of the bytes of a whole blob that have passed. */
  #hash: Hash | undefined;
  readonly #suppliers = new Set<string>();
  #replica: OpenReplica | undefined;
  /** Bytes of the whole blob, as the first replica said. */
  #size = 0;
  #deliveredBytes = 0;
  /** Why there are no more chunks; undefined while there may be. */
  #end: ReadEnd | undefined;

  constructor(options: ReplicaReadOptions, modules: ReplicaReadModules) {
    this.#options = options;
    this.#modules = modules;
    this.#isWhole = options.range.offset === 0 && options.range.length === undefined;
  }

  /** See ObjectApi.get. Ending the iteration, begun or not, frees everything; so does the end of the life. */
  async open(): Promise<BlobStream> {
    const { life, race } = this.#modules;
    try {
      for (;;) {
        const replica = await race.next(this.#options.range);
        if (!this.#isWhole || replica.size > this.#options.bufferedBytesMax) return this.#stream(replica);
        const chunks = await this.#gather(replica);
        if (chunks === undefined) continue;
        life.release();
        return { size: replica.size, chunks: inMemory(chunks) };
      }
    } catch (error) {
      life.end(error);
      throw error;
    }
  }

  /** The whole content of one replica, verified; undefined when it cannot be had from there. */
  async #gather(replica: OpenReplica): Promise<Buffer[] | undefined> {
    try {
      const chunks = await this.#verified(replica);
      replica.finish(this.#modules.clock);
      this.#modules.findings.repair(replica.size);
      return chunks;
    } catch (error) {
      this.#leave(replica, error);
      return undefined;
    }
  }

  async #verified(replica: OpenReplica): Promise<Buffer[]> {
    const { oid } = this.#options;
    const chunks: Buffer[] = [];
    const hash = createHash('sha256');
    for (let bytes = 0; bytes < replica.size; ) {
      const { done, value } = await replica.next(this.#stepLimits());
      if (done === true) throw cutShort(replica, bytes);
      bytes += value.length;
      if (bytes > replica.size) throw overlong(replica);
      hash.update(value);
      chunks.push(value);
    }
    const got = hash.digest('hex');
    if (got !== oid) throw corruptCopy(oid, replica.nodeId, got);
    return chunks;
  }

  #stream(replica: OpenReplica): BlobStream {
    this.#replica = replica;
    this.#size = replica.size;
    if (this.#isWhole) this.#hash = createHash('sha256');
    const { signal } = this.#modules.life;
    signal.addEventListener('abort', () => this.#onLifeEnd(), { once: true });
    if (signal.aborted) this.#onLifeEnd();
    const iterator: AsyncIterator<Buffer, undefined, undefined> = {
      next: () => this.#nextChunk(),
      return: async () => {
        this.#close({ kind: 'DONE' });
        return { done: true, value: undefined };
      },
    };
    return { size: replica.size, chunks: { [Symbol.asyncIterator]: () => iterator } };
  }

  async #nextChunk(): Promise<IteratorResult<Buffer, undefined>> {
    for (;;) {
      if (this.#end?.kind === 'FAILED') throw this.#end.error;
      if (this.#end !== undefined) return { done: true, value: undefined };
      if (this.#leftBytes() === 0) this.#complete();
      else if (this.#replica === undefined) await this.#reopen();
      else {
        const chunk = await this.#receive(this.#replica);
        if (chunk !== undefined) return { done: false, value: chunk };
      }
    }
  }

  /** The next chunk of a replica; undefined when it has none to give, and is left. */
  async #receive(replica: OpenReplica): Promise<Buffer | undefined> {
    try {
      const { done, value } = await replica.next(this.#stepLimits());
      if (done === true) throw cutShort(replica, this.#deliveredBytes);
      if (value.length > this.#leftBytes()) throw overlong(replica);
      this.#hash?.update(value);
      this.#deliveredBytes += value.length;
      this.#suppliers.add(replica.nodeId);
      return value;
    } catch (error) {
      this.#replica = undefined;
      this.#leave(replica, error);
      return undefined;
    }
  }

  /** The next replica goes on where the last one stopped. */
  async #reopen(): Promise<void> {
    const { offset, length } = this.#options.range;
    const from = offset + this.#deliveredBytes;
    const range = length === undefined ? { offset: from } : { offset: from, length: length - this.#deliveredBytes };
    try {
      const replica = await this.#modules.race.next(range);
      if (this.#end !== undefined) replica.close(readEnded);
      else if (replica.size === this.#size) this.#replica = replica;
      else this.#leave(replica, otherSize(replica, this.#size));
    } catch (error) {
      this.#close({ kind: 'FAILED', error });
    }
  }

  /** All bytes were delivered: what remains to be said is whether they were right. */
  #complete(): void {
    const { oid } = this.#options;
    const { clock, findings, suspects } = this.#modules;
    this.#replica?.finish(clock);
    this.#replica = undefined;
    const got = this.#hash?.digest('hex');
    if (got === oid) findings.repair(this.#size);
    if (got === undefined || got === oid) {
      this.#close({ kind: 'DONE' });
      return;
    }
    suspects.add(oid, this.#suppliers);
    const suppliers = [...this.#suppliers];
    const [only] = suppliers;
    // Of several, nobody can tell whose bytes were wrong.
    if (only !== undefined && suppliers.length === 1) findings.noteGap(only, this.#size, 'CORRUPT');
    this.#close({ kind: 'FAILED', error: corruptCopy(oid, suppliers.join(', '), got) });
  }

  #onLifeEnd(): void {
    this.#close({ kind: 'FAILED', error: this.#modules.life.signal.reason });
  }

  /** Ends the read, once; what it has open is freed, and the caller's signal let go. */
  #close(end: ReadEnd): void {
    this.#end ??= end;
    this.#replica?.close(readEnded);
    this.#replica = undefined;
    this.#modules.life.end(readEnded);
  }

  /** Gives a replica up for the next one, unless the read is over. */
  #leave(replica: OpenReplica, error: unknown): void {
    const { life, findings } = this.#modules;
    replica.close(error);
    if (!life.signal.aborted) findings.add(replica.nodeId, replica.endpoint, error);
  }

  #leftBytes(): number {
    const rest = Math.max(0, this.#size - this.#options.range.offset);
    return Math.min(rest, this.#options.range.length ?? rest) - this.#deliveredBytes;
  }

  #stepLimits(): StepLimits {
    const { clock, life, race } = this.#modules;
    return { clock, stallMs: race.stallMs(), signal: life.signal };
  }
}

async function* inMemory(chunks: readonly Buffer[]): AsyncGenerator<Buffer, void, undefined> {
  yield* chunks;
}

function cutShort({ nodeId, endpoint }: OpenReplica, bytes: number): StratumError {
  return new StratumError('UNREACHABLE', `${nodeId} ended the blob after ${bytes} bytes`, { endpoint });
}

function overlong({ nodeId, size }: OpenReplica): StratumError {
  return new StratumError('DATA_CORRUPT', `${nodeId} sent more than the ${size} bytes that it said the blob has`);
}

function otherSize({ nodeId, size }: OpenReplica, expected: number): StratumError {
  return new StratumError(
    'DATA_CORRUPT',
    `${nodeId} says that the blob has ${size} bytes; the first node said ${expected}`,
  );
}
