import { describe, expect, it, onTestFinished } from 'vitest';
import { StratumError } from '../../src/base/errors.ts';
import { type Oid, oidOf } from '../../src/base/oid.ts';
import type { BlobSource } from '../../src/replication/blob-source.ts';
import { MemoryBlobSource } from '../../src/replication/memory-blob-source.ts';
import type { NodeReader, NodeWriter } from '../../src/replication/node-io.ts';
import type { SmallBlob } from '../../src/store/blob-store.ts';

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

    it.each([199_999, 200_001])(
      'refuses a large blob of 200,000 bytes that was announced with %i',
      async (announced) => {
        const node = await opened();
        const content = noise(200_000);
        const lying = { ...sourceOf(oidOf(content), content), size: announced };
        await expect(node.put(lying, fence, options)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
        expect(await presenceOf(node, lying.oid)).toBe('MISSING');
        const honest = new MemoryBlobSource(content);
        expect(await node.put(honest, fence, options)).toEqual({ existed: false });
      },
    );

    it.each([100, 300_000])('ends with its signal while the source hangs behind %i bytes', async (size) => {
      const node = await opened();
      const controller = new AbortController();
      const content = noise(size);
      const hanging: BlobSource = {
        oid: oidOf(content),
        size: content.length,
        async *open() {
          yield content.subarray(0, 50);
          controller.abort(new StratumError('SHUTTING_DOWN', 'enough'));
          await new Promise<never>(() => undefined);
        },
      };
      const putting = node.put(hanging, fence, { ...options, signal: controller.signal });
      await expect(putting).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
      expect(await presenceOf(node, hanging.oid)).toBe('MISSING');
    });

    it.each([100, 100_000])('does not begin a put of %i bytes whose signal has aborted', async (size) => {
      const node = await opened();
      const source = new MemoryBlobSource(noise(size));
      const signal = AbortSignal.abort(new StratumError('SHUTTING_DOWN', 'enough'));
      await expect(node.put(source, fence, { ...options, signal })).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
      expect(await presenceOf(node, source.oid)).toBe('MISSING');
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

  describe(`${name} as a NodeWriter of many`, () => {
    it('stores small blobs, also an empty one and one twice, with a fate for each in order', async () => {
      const node = await opened();
      const contents = [noise(100), noise(0), noise(65_536), noise(100)];
      await node.put(new MemoryBlobSource(noise(65_536)), fence, options);
      const fates = await node.putMany(contents.map(blobOf), fence, options);
      expect(fates.slice(0, 3)).toEqual([{ existed: false }, { existed: false }, { existed: true }]);
      expect(fates[3]).not.toBeInstanceOf(StratumError);
      const answers = await node.getMany(contents.map(oidOf), options);
      expect(answers).toEqual(contents.map((content) => ({ presence: 'PRESENT', content })));
      expect(await node.putMany([], fence, options)).toEqual([]);
      expect(await node.getMany([], options)).toEqual([]);
    });

    it('lets one blob’s failure be its own', async () => {
      const node = await opened();
      const lying = { oid: oidOf(Buffer.from('another')), content: noise(50) };
      const [good, bad, also] = await node.putMany([blobOf(noise(10)), lying, blobOf(noise(20))], fence, options);
      expect([good, also]).toEqual([{ existed: false }, { existed: false }]);
      expect(bad).toMatchObject({ code: 'CHECKSUM_MISMATCH', details: { oid: lying.oid, got: oidOf(noise(50)) } });
      expect(await presenceOf(node, lying.oid)).toBe('MISSING');
    });

    it('refuses a fence that is behind as a whole, and others at the same time not', async () => {
      const node = await opened();
      await node.putMany([blobOf(noise(10))], { term: 5n, ringEpoch: 7n }, options);
      const late = node.putMany([blobOf(noise(20)), blobOf(noise(24))], { term: 4n, ringEpoch: 7n }, options);
      const current = node.putMany([blobOf(noise(28))], { term: 5n, ringEpoch: 7n }, options);
      await expect(late).rejects.toMatchObject({ code: 'STALE_TERM', details: { sent: 4n, current: 5n } });
      expect(await current).toEqual([{ existed: false }]);
      expect(await presenceOf(node, oidOf(noise(20)))).toBe('MISSING');
    });

    it('gives each of many callers at once its own answers', async () => {
      const node = await opened();
      const groups = Array.from({ length: 40 }, (_, caller) =>
        Array.from({ length: 25 }, (_, index) => noise(1_000 + caller * 25 + index)),
      );
      const puts = groups.flatMap((group) => [
        node.putMany(group.map(blobOf), fence, options),
        node.put(new MemoryBlobSource(noise(group.length * 4 + 10_000)), fence, options).then((fate) => [fate]),
      ]);
      for (const fates of await Promise.all(puts)) {
        expect(fates.filter((fate) => fate instanceof StratumError)).toEqual([]);
      }
      const answers = await Promise.all(groups.map((group) => node.getMany(group.map(oidOf), options)));
      for (const [caller, group] of groups.entries()) {
        const got = answers[caller]?.map((answer) => (answer.presence === 'PRESENT' ? oidOf(answer.content) : 'none'));
        expect(got).toEqual(group.map(oidOf));
      }
    });

    it('answers for missing blobs among others, in the order of the questions, across many messages', async () => {
      const node = await opened();
      const content = noise(60_000);
      await node.putMany([blobOf(content)], fence, options);
      const missing = oidOf(Buffer.from('never stored'));
      const asked = Array.from({ length: 300 }, (_, index) => (index % 3 === 0 ? missing : oidOf(content)));
      const answers = await node.getMany(asked, options);
      expect(answers.map(({ presence }) => presence)).toEqual(
        asked.map((oid) => (oid === missing ? 'MISSING' : 'PRESENT')),
      );
    });

    it('refuses to give a blob that fits in no message, and goes on with what others ask', async () => {
      const node = await opened();
      const large = new MemoryBlobSource(noise(4 * 1024 * 1024 + 4));
      await node.put(large, fence, options);
      await node.putMany([blobOf(noise(10))], fence, options);
      const refused = node.getMany([oidOf(noise(10)), large.oid], options);
      const answered = node.getMany([oidOf(noise(10))], options);
      await expect(refused).rejects.toMatchObject({ code: 'TOO_LARGE' });
      expect(await answered).toEqual([{ presence: 'PRESENT', content: noise(10) }]);
    });

    it('ends with its signal, which disturbs nobody else', async () => {
      const node = await opened();
      const controller = new AbortController();
      const leaving = node.putMany([blobOf(noise(10))], fence, { ...options, signal: controller.signal });
      const staying = node.putMany([blobOf(noise(20))], fence, options);
      controller.abort(new StratumError('SHUTTING_DOWN', 'enough'));
      await expect(leaving).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
      expect(await staying).toEqual([{ existed: false }]);
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
      [0, 0],
      [100_000, 5],
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

    it('refuses a range that begins beyond the end', async () => {
      const node = await opened();
      const source = new MemoryBlobSource(noise(100_000));
      await node.put(source, fence, options);
      const reading = node.get(source.oid, { offset: 100_001 }, options);
      await expect(reading).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
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

function blobOf(content: Buffer): SmallBlob {
  return { oid: oidOf(content), content };
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
