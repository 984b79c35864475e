import { readFile } from 'node:fs/promises';
import { StratumError, systemCode } from '../../base/errors.ts';
import type { FenceCheck } from '../../replication/fence-check.ts';
import type { Fence } from '../../replication/node-io.ts';
import { diskError } from '../../store/disk-error.ts';
import { writeFileDurably } from '../../store/durable-file.ts';

/**
 * Remembers the highest term and the highest ring epoch that this node has seen, also across
 * restarts, and refuses writes below either. What raises it is on disk before the write that
 * brought it goes on: a node that forgot would let a deposed leader's frontends write again.
 */
export class FenceGuard implements FenceCheck {
  readonly #path: string;
  #seen: Fence;
  #durable: Fence;
  /** The write of the file that is under way. */
  #saving: Promise<void> | undefined;

  private constructor(path: string, seen: Fence) {
    this.#path = path;
    this.#seen = seen;
    this.#durable = seen;
  }

  /** Reads the file, if there is one; DATA_CORRUPT when it is not a fence. */
  static async open(path: string): Promise<FenceGuard> {
    return new FenceGuard(path, await readFence(path));
  }

  /** The highest values seen. */
  get highest(): Fence {
    return this.#seen;
  }

  /** Lets a write pass that is not behind, and remembers its fence; STALE_TERM, STALE_EPOCH. */
  async admit(fence: Fence): Promise<void> {
    refuseBelow('STALE_TERM', 'term', fence.term, this.#seen.term);
    refuseBelow('STALE_EPOCH', 'ring_epoch', fence.ringEpoch, this.#seen.ringEpoch);
    await this.raise(fence);
  }

  /** Refuses everything below from now on; resolves when that is on disk. Never lowers anything. */
  async raise(fence: Fence): Promise<void> {
    this.#seen = higher(this.#seen, fence);
    while (!covers(this.#durable, fence)) {
      this.#saving ??= this.#save().finally(() => {
        this.#saving = undefined;
      });
      await this.#saving;
    }
  }

  /** Resolves, never rejects, when no write of the file is under way. */
  async settled(): Promise<void> {
    // Its failure is told to who raised the fence.
    while (this.#saving !== undefined) await this.#saving.catch(() => undefined);
  }

  async #save(): Promise<void> {
    const saved = this.#seen;
    const record = { format: 1, term: String(saved.term), ringEpoch: String(saved.ringEpoch) };
    try {
      await writeFileDurably(this.#path, `${JSON.stringify(record)}\n`);
    } catch (error) {
      throw diskError(error, 'the fence of this node');
    }
    this.#durable = saved;
  }
}

function refuseBelow(
  code: 'STALE_TERM' | 'STALE_EPOCH',
  fence: 'term' | 'ring_epoch',
  sent: bigint,
  current: bigint,
): void {
  if (sent >= current) return;
  const message = `the write carries ${fence} ${sent}, this node has seen ${current}`;
  const hint = 'take a newer topology and try again';
  throw new StratumError(code, message, { fence, sent, current }, { hint });
}

function higher(a: Fence, b: Fence): Fence {
  return { term: maxOf(a.term, b.term), ringEpoch: maxOf(a.ringEpoch, b.ringEpoch) };
}

function maxOf(a: bigint, b: bigint): bigint {
  if (a > b) return a;
  return b;
}

function covers(a: Fence, b: Fence): boolean {
  return a.term >= b.term && a.ringEpoch >= b.ringEpoch;
}

async function readFence(path: string): Promise<Fence> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return { term: 0n, ringEpoch: 0n };
    throw error;
  }
  const [, term, ringEpoch] = /^\{"format":1,"term":"(\d{1,20})","ringEpoch":"(\d{1,20})"\}\s*$/.exec(text) ?? [];
  if (term !== undefined && ringEpoch !== undefined) return { term: BigInt(term), ringEpoch: BigInt(ringEpoch) };
  // Not taken for "nothing seen": that would undo the fencing.
  throw new StratumError('DATA_CORRUPT', `${path} is not a fence record`, undefined, {
    hint: 'restore the file, or empty the data folder and let the node be filled again',
  });
}
