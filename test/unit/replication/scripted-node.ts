import { StratumError } from '../../../src/base/errors.ts';
import type { Oid } from '../../../src/base/oid.ts';
import type { BlobSource } from '../../../src/replication/blob-source.ts';
import type { NodeDirectory } from '../../../src/replication/node-directory.ts';
import type {
  BlobPresenceReport,
  BlobStream,
  ByteRange,
  Fence,
  NodeCallOptions,
  NodeReader,
  NodeWriter,
} from '../../../src/replication/node-io.ts';
import type { PutFate, SmallBlob, SmallBlobAnswer } from '../../../src/store/blob-store.ts';

/** A node that does what a test tells it to, and keeps what really arrived. */
export class ScriptedNode implements NodeReader, NodeWriter {
  readonly nodeId: string;
  readonly endpoint: string;
  readonly blobs = new Map<Oid, Buffer>();
  readonly fences: Fence[] = [];
  /** Called before a put; may throw, hang, or wait. */
  beforePut: (fence: Fence, options: NodeCallOptions) => unknown = () => undefined;
  /** Called before a message of small blobs is stored; may throw, hang, wait, or answer instead. */
  onPutMany: ((blobs: readonly SmallBlob[]) => Promise<readonly PutFate[] | undefined>) | undefined;
  /** Replaces the answer to a get. */
  onGet: ((oid: Oid, range: ByteRange, options: NodeCallOptions) => Promise<BlobStream>) | undefined;
  /** Replaces the answers to a getMany. */
  onGetMany: ((oids: readonly Oid[], options: NodeCallOptions) => Promise<readonly SmallBlobAnswer[]>) | undefined;
  gets = 0;

  constructor(nodeId: string, endpoint = `${nodeId}:1`) {
    this.nodeId = nodeId;
    this.endpoint = endpoint;
  }

  async put(source: BlobSource, fence: Fence, options: NodeCallOptions): Promise<{ existed: boolean }> {
    this.fences.push(fence);
    await this.beforePut(fence, options);
    const chunks: Buffer[] = [];
    for await (const chunk of source.open()) chunks.push(chunk);
    const existed = this.blobs.has(source.oid);
    this.blobs.set(source.oid, Buffer.concat(chunks));
    return { existed };
  }

  async putMany(blobs: readonly SmallBlob[], fence: Fence, options: NodeCallOptions): Promise<readonly PutFate[]> {
    this.fences.push(fence);
    await this.beforePut(fence, options);
    const fates = await this.onPutMany?.(blobs);
    if (fates !== undefined) return fates;
    return blobs.map(({ oid, content }) => {
      const existed = this.blobs.has(oid);
      this.blobs.set(oid, content);
      return { existed };
    });
  }

  async getMany(oids: readonly Oid[], options: NodeCallOptions): Promise<readonly SmallBlobAnswer[]> {
    this.gets += 1;
    if (this.onGetMany !== undefined) return this.onGetMany(oids, options);
    return this.storedMany(oids);
  }

  /** What a sound node answers to a getMany. */
  storedMany(oids: readonly Oid[]): readonly SmallBlobAnswer[] {
    return oids.map((oid) => {
      const content = this.blobs.get(oid);
      return content === undefined ? { presence: 'MISSING' } : { presence: 'PRESENT', content };
    });
  }

  async get(oid: Oid, range: ByteRange, options: NodeCallOptions): Promise<BlobStream> {
    this.gets += 1;
    if (this.onGet !== undefined) return this.onGet(oid, range, options);
    return this.stored(oid, range);
  }

  /** What a sound node answers. */
  stored(oid: Oid, range: ByteRange): BlobStream {
    const content = this.blobs.get(oid);
    if (content === undefined)
      throw new StratumError('BLOB_NOT_FOUND', `${this.nodeId} has none`, { kind: 'blob', id: oid });
    const end = range.length === undefined ? content.length : range.offset + range.length;
    return { size: content.length, chunks: inChunks(content.subarray(range.offset, end)) };
  }

  async has(oids: readonly Oid[]): Promise<readonly BlobPresenceReport[]> {
    return oids.map((oid) => {
      const content = this.blobs.get(oid);
      const presence = content === undefined ? 'MISSING' : 'PRESENT';
      return { oid, presence, size: content?.length ?? 0, storedAtMs: 0 };
    });
  }
}

/** Bytes in chunks of four. */
export async function* inChunks(content: Buffer): AsyncGenerator<Buffer, void, undefined> {
  for (let at = 0; at < content.length; at += 4) yield content.subarray(at, at + 4);
}

/** Never settles. */
export function hang(): Promise<never> {
  return new Promise(() => undefined);
}

/** A directory of these nodes. */
export function directoryOf(...nodes: readonly ScriptedNode[]): NodeDirectory {
  const find = (nodeId: string) => nodes.find((node) => node.nodeId === nodeId);
  return { writer: find, reader: find };
}
