import { StratumError } from '../../base/errors.ts';
import type { Oid } from '../../base/oid.ts';
import { MiB } from '../../base/units.ts';
import type { PackIndexBytes } from '../../git/pack-index.ts';
import type { ObjectApi } from '../../replication/object-api.ts';

/** An index up to this size is read once as a whole, and so verified by its hash; of a larger one ranges are read. */
const wholeBytesMax = 4 * MiB;

/** A pack index that is a blob. Whoever looks ids up in their order reads no range of it twice. */
export class BlobIndex implements PackIndexBytes {
  readonly #oid: Oid;
  readonly #sizeBytes: number;
  readonly #signal: AbortSignal;
  readonly #objects: Pick<ObjectApi, 'get'>;
  #whole: Promise<Buffer> | undefined;
  /** The head, which every look-up reads, and the range that was read last. */
  readonly #kept = new Map<number, Buffer>();

  constructor(
    options: { readonly oid: Oid; readonly sizeBytes: number; readonly signal: AbortSignal },
    modules: { readonly objects: Pick<ObjectApi, 'get'> },
  ) {
    this.#oid = options.oid;
    this.#sizeBytes = options.sizeBytes;
    this.#signal = options.signal;
    this.#objects = modules.objects;
  }

  async read(offset: number, length: number): Promise<Buffer> {
    const bytes = await this.#range(offset, length);
    if (bytes.length === length) return bytes;
    throw new StratumError('DATA_CORRUPT', `the index ends after ${offset + bytes.length} bytes`);
  }

  async #range(offset: number, length: number): Promise<Buffer> {
    if (this.#sizeBytes <= wholeBytesMax) {
      this.#whole ??= this.#get(0, undefined);
      return (await this.#whole).subarray(offset, offset + length);
    }
    const kept = this.#kept.get(offset);
    if (kept?.length === length) return kept;
    const bytes = await this.#get(offset, length);
    for (const other of this.#kept.keys()) if (other !== 0) this.#kept.delete(other);
    this.#kept.set(offset, bytes);
    return bytes;
  }

  async #get(offset: number, length: number | undefined): Promise<Buffer> {
    const range = length === undefined ? undefined : { offset, length };
    const { chunks } = await this.#objects.get(this.#oid, range, { signal: this.#signal });
    return Buffer.concat(await Array.fromAsync(chunks));
  }
}
