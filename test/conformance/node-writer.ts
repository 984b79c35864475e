import { describe, expect, it, onTestFinished } from 'vitest';
import { StratumError } from '../../src/base/errors.ts';
import { type Oid, oidOf } from '../../src/base/oid.ts';
import type { BlobSource } from '../../src/replication/blob-source.ts';
import { MemoryBlobSource } from '../../src/replication/memory-blob-source.ts';
import type { NodeReader, NodeWriter } from '../../src/replication/node-io.ts';

/** A node under test, and what it knows of fences. */
export interface NodeUnderTest {
  readonly node: NodeWriter & NodeReader;
  remove(): Promise<void>;
}

const fence = { term: 1n, ringEpoch: 1n };
const options = { timeoutMs: 20_000 };
/** Below and above the size from which a disk store keeps files, and across many messages. */
const sizes = [0, 1, 5_000, 65_536, 65_537, 1_500_000];

/** The contract of NodeWriter and NodeReader, for every way to reach a node. */
export function describeNodeWriter(name: string, open: () => Promise<NodeUnderTest>): void {
  const opened = async () => {
    const { node, remove } = await open();
    onTestFinished(remove);
    return node;
  };
  describe(`${name} as a NodeWriter`, () => {
    it.each(sizes)('stores a blob of %i bytes, and gives it back byte for byte', async (size) => {
      const node = await opened();
      const source = new MemoryBlobSource(noise(size));
      expect(await node.put(source, fence, options)).toEqual({ existed: false });
      const { size: stored, chunks } = await node.get(source.oid, { offset: 0 }, options);
      const content = await readAll(chunks);
      expect([stored, content.length, oidOf(content)]).toEqual([size, size, source.oid]);
    });

    it('takes a blob again, and says that it was there', async () => {
      const node = await opened();
      const source = new MemoryBlobSource(noise(5_000));
      await node.put(source, fence, options);
      expect(await node.put(source, fence, options)).toEqual({ existed: true });
    });

    it('refuses content that does not hash to its name, and keeps nothing of it', async () => {
      const node = await opened();
      const lying = sourceOf(oidOf(Buffer.from('another')), noise(5_000));
      await expect(node.put(lying, fence, options)).rejects.toMatchObject({ code: 'CHECKSUM_MISMATCH' });
      expect(await presenceOf(node, lying.oid)).toBe('MISSING');
    });

    it.each([4_999, 5_001])('refuses content of 5,000 bytes that was announced with %i', async (announced) => {
      const node = await opened();
      const content = noise(5_000);
      const lying = { ...sourceOf(oidOf(content), content), size: announced };
      await expect(node.put(lying, fence, options)).rejects.toBeInstanceOf(StratumError);
      expect(await presenceOf(node, lying.oid)).toBe('MISSING');
    });

    it('keeps nothing of a source that breaks off, and reports the source’s own error', async () => {
      const node = await opened();
      const content = noise(300_000);
      const broken: BlobSource = {
        oid: oidOf(content),
        size: content.length,
        async *open() {
          yield content.subarray(0, 200_000);
          throw new StratumError('NOT_FOUND', 'the file has gone', { kind: 'file', id: 'x' });
        },
      };
      await expect(node.put(broken, fence, options)).rejects.toMatchObject({ message: 'the file has gone' });
      expect(await presenceOf(node, broken.oid)).toBe('MISSING');
    });

    it('refuses a fence below one that it has seen (predecessor C3)', async () => {
      const node = await opened();
      await node.put(new MemoryBlobSource(noise(10)), { term: 5n, ringEpoch: 7n }, options);
      const late = new MemoryBlobSource(noise(20));
      await expect(node.put(late, { term: 4n, ringEpoch: 7n }, options)).rejects.toMatchObject({
        code: 'STALE_TERM',
        details: { sent: 4n, current: 5n },
      });
      await expect(node.put(late, { term: 5n, ringEpoch: 6n }, options)).rejects.toMatchObject({
        code: 'STALE_EPOCH',
        details: { sent: 6n, current: 7n },
      });
      expect(await presenceOf(node, late.oid)).toBe('MISSING');
    });

    it('ends at its deadline when the source never goes on (predecessor M5)', async () => {
      const node = await opened();
      const content = noise(300_000);
      const hanging: BlobSource = {
        oid: oidOf(content),
        size: content.length,
        async *open() {
          yield content.subarray(0, 1_000);
          await new Promise<never>(() => undefined);
        },
      };
      await expect(node.put(hanging, fence, { timeoutMs: 200 })).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    });
  });

  describe(`${name} as a NodeReader`, () => {
    it.each([
      [0, 10],
      [100, 1],
      [99_990, 10],
      [99_990, 1_000],
      [70_000, undefined],
      [100_000, undefined],
    ])('reads from byte %i, %s bytes', async (offset, length) => {
      const node = await opened();
      const content = noise(100_000);
      const source = new MemoryBlobSource(content);
      await node.put(source, fence, options);
      const range = length === undefined ? { offset } : { offset, length };
      const { size, chunks } = await node.get(source.oid, range, options);
      const wanted = content.subarray(offset, length === undefined ? undefined : offset + length);
      expect([size, (await readAll(chunks)).equals(wanted)]).toEqual([content.length, true]);
    });

    it('says that it does not have a blob', async () => {
      const node = await opened();
      const missing = oidOf(Buffer.from('never stored'));
      await expect(node.get(missing, { offset: 0 }, options)).rejects.toMatchObject({ code: 'BLOB_NOT_FOUND' });
    });

    it('answers for many blobs in the order of the questions, hashing its copies when asked to', async () => {
      const node = await opened();
      const there = new MemoryBlobSource(noise(5_000));
      await node.put(there, fence, options);
      const missing = oidOf(Buffer.from('never stored'));
      for (const verify of [false, true]) {
        const reports = await node.has([missing, there.oid, missing], verify, options);
        expect(reports.map(({ oid, presence, size }) => [oid, presence, size])).toEqual([
          [missing, 'MISSING', 0],
          [there.oid, 'PRESENT', 5_000],
          [missing, 'MISSING', 0],
        ]);
      }
    });

    it('frees what a reader leaves half read', async () => {
      const node = await opened();
      const source = new MemoryBlobSource(noise(1_500_000));
      await node.put(source, fence, options);
      for (let round = 0; round < 20; round += 1) {
        const { chunks } = await node.get(source.oid, { offset: 0 }, options);
        for await (const _ of chunks) break;
      }
      const { chunks } = await node.get(source.oid, { offset: 0 }, options);
      expect((await readAll(chunks)).length).toBe(source.size);
    });
  });
}

/** Bytes that repeat only after a long time, so that a chunk out of place is noticed. */
function noise(size: number): Buffer {
  const content = Buffer.alloc(size);
  for (let at = 0; at + 4 <= size; at += 4) content.writeUInt32LE(Math.imul(at + size, 2_654_435_761) >>> 0, at);
  return content;
}

function sourceOf(oid: Oid, content: Buffer): BlobSource {
  const { size } = new MemoryBlobSource(content);
  return { oid, size, open: () => new MemoryBlobSource(content).open() };
}

async function readAll(chunks: AsyncIterable<Buffer>): Promise<Buffer> {
  const got: Buffer[] = [];
  for await (const chunk of chunks) got.push(Buffer.from(chunk));
  return Buffer.concat(got);
}

async function presenceOf(node: NodeReader, oid: Oid): Promise<string | undefined> {
  return (await node.has([oid], false, options))[0]?.presence;
}
