import type { StratumError } from '../../../src/base/errors.ts';
import { type Oid, oidOf } from '../../../src/base/oid.ts';
import type { BlobSource } from '../../../src/replication/blob-source.ts';
import type {
  BlobPresenceReport,
  BlobStream,
  ByteRange,
  Fence,
  NodeCallOptions,
} from '../../../src/replication/node-io.ts';
import type { PutFate, SmallBlob, SmallBlobAnswer } from '../../../src/store/blob-store.ts';
import { contentMismatch } from '../../../src/store/checked-content.ts';
import { chunksOf } from '../store/sample-blobs.ts';
import { ScriptedNode } from './scripted-node.ts';

/**
 * A node that, as a real one, refuses content that does not hash to its name, has copies that may be
 * damaged without its knowing, and quarantines those when it hashes them. It counts what it is asked.
 */
export class GapNode extends ScriptedNode {
  /** Copies with a flipped bit. */
  readonly damaged = new Set<Oid>();
  readonly #quarantined = new Set<Oid>();
  /** When copies were put, where that matters; the others are as young as can be. */
  readonly storedAtMs = new Map<Oid, number>();
  readonly asked: { readonly oids: readonly Oid[]; readonly verify: boolean }[] = [];
  readonly messages: (readonly Oid[])[] = [];
  /** Called before any answer to a reader; may throw or hang. */
  beforeRead: (oids: readonly Oid[], options: NodeCallOptions | undefined) => unknown = () => undefined;
  /** Called before any answer to `has`; may throw or hang. */
  beforeHas: (oids: readonly Oid[]) => unknown = () => undefined;
  /** Called before a blob of many is stored; may give or throw what becomes of it instead. */
  beforeTake: (oid: Oid) => StratumError | undefined = () => undefined;

  /** Stores content and gives its id. */
  hold(content: Buffer): Oid {
    const oid = oidOf(content);
    this.blobs.set(oid, content);
    return oid;
  }

  override async put(source: BlobSource, fence: Fence, options: NodeCallOptions): Promise<{ existed: boolean }> {
    this.fences.push(fence);
    this.messages.push([source.oid]);
    await this.beforePut(fence, options);
    const content = Buffer.concat(await Array.fromAsync(source.open()));
    return this.#take(source.oid, content);
  }

  override async putMany(
    blobs: readonly SmallBlob[],
    fence: Fence,
    options: NodeCallOptions,
  ): Promise<readonly PutFate[]> {
    this.fences.push(fence);
    this.messages.push(blobs.map(({ oid }) => oid));
    await this.beforePut(fence, options);
    return blobs.map(({ oid, content }) => this.beforeTake(oid) ?? this.#take(oid, content));
  }

  override async getMany(oids: readonly Oid[], options?: NodeCallOptions): Promise<readonly SmallBlobAnswer[]> {
    this.gets += 1;
    await this.beforeRead(oids, options);
    return oids.map((oid) => {
      const content = this.#content(oid);
      return content === undefined ? { presence: 'MISSING' } : { presence: 'PRESENT', content };
    });
  }

  override async get(oid: Oid, range: ByteRange, options: NodeCallOptions): Promise<BlobStream> {
    this.gets += 1;
    await this.beforeRead([oid], options);
    const { size } = this.stored(oid, range);
    return { size, chunks: chunksOf(this.#content(oid) ?? Buffer.alloc(0)) };
  }

  override async has(oids: readonly Oid[], verify = false): Promise<readonly BlobPresenceReport[]> {
    this.asked.push({ oids, verify });
    await this.beforeHas(oids);
    return oids.map((oid) => {
      if (verify && this.damaged.has(oid)) this.#quarantined.add(oid);
      const content = this.blobs.get(oid);
      const presence = content === undefined ? 'MISSING' : this.#quarantined.has(oid) ? 'CORRUPT' : 'PRESENT';
      return {
        oid,
        presence,
        size: content?.length ?? 0,
        storedAtMs: this.storedAtMs.get(oid) ?? Number.MAX_SAFE_INTEGER,
      };
    });
  }

  /** Whether a sound copy is held. */
  isSound(oid: Oid): boolean {
    const content = this.#content(oid);
    return content !== undefined && oidOf(content) === oid;
  }

  #take(oid: Oid, content: Buffer): { existed: boolean } {
    const got = oidOf(content);
    if (got !== oid) throw contentMismatch(oid, got);
    const existed = this.blobs.has(oid) && !this.#quarantined.has(oid);
    this.storedAtMs.delete(oid);
    // A copy that is believed to be sound is kept as it is.
    if (!existed) {
      this.blobs.set(oid, content);
      this.damaged.delete(oid);
      this.#quarantined.delete(oid);
    }
    return { existed };
  }

  #content(oid: Oid): Buffer | undefined {
    const content = this.blobs.get(oid);
    if (content === undefined || !this.damaged.has(oid)) return content;
    const flipped = Buffer.from(content);
    flipped[flipped.length - 1] = (flipped.at(-1) ?? 0) ^ 1;
    return flipped;
  }
}
