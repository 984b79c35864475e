import { StratumError } from '../../../../src/base/errors.ts';
import { type Oid, oidOf } from '../../../../src/base/oid.ts';
import type { BlobSource } from '../../../../src/replication/blob-source.ts';
import type { BlobStream, ByteRange } from '../../../../src/replication/node-io.ts';
import type { ObjectApi, PutOutcome } from '../../../../src/replication/object-api.ts';

/** A replicated blob store in memory; puts and gets may be made to fail or wait. */
export class MemoryObjects implements ObjectApi {
  readonly blobs = new Map<Oid, Buffer>();
  gets = 0;
  degraded = false;
  beforePut: (source: BlobSource) => Promise<void> | void = () => undefined;
  /** Held open by a test to keep the background part of writes going. */
  background: Promise<void> = Promise.resolve();

  async put(source: BlobSource): Promise<PutOutcome> {
    await this.beforePut(source);
    const chunks: Buffer[] = [];
    for await (const chunk of source.open()) chunks.push(chunk);
    const content = Buffer.concat(chunks);
    if (oidOf(content) !== source.oid) throw new Error('the source does not have its own content');
    this.blobs.set(source.oid, content);
    const settled = this.background.then(() => ({ succeeded: 3, failures: [] }));
    return { oid: source.oid, required: 2, achieved: 2, failures: [], degraded: this.degraded, settled };
  }

  async get(oid: Oid, range?: ByteRange): Promise<BlobStream> {
    this.gets += 1;
    const content = this.blobs.get(oid);
    if (content === undefined) throw new StratumError('BLOB_NOT_FOUND', `no blob ${oid}`, { kind: 'blob', id: oid });
    const from = range?.offset ?? 0;
    const part = content.subarray(from, range?.length === undefined ? undefined : from + range.length);
    const chunks = (async function* () {
      for (let at = 0; at < part.length; at += 65_536) yield part.subarray(at, at + 65_536);
    })();
    return { size: content.length, chunks };
  }
}
