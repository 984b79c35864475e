import { describe, expect, it } from 'vitest';
import { StratumError } from '../../../../src/base/errors.ts';
import { type Oid, oidOf } from '../../../../src/base/oid.ts';
import { MiB } from '../../../../src/base/units.ts';
import { absentObjects } from '../../../../src/cli/repo-check/absent-objects.ts';
import { sampleIndex, samplePack } from './sample-pack.ts';

const { signal } = new AbortController();
const id = (number: number) => number.toString(16).padStart(8, '0').padEnd(40, '5');

/** Blobs in memory that count how they are read. */
class CountedBlobs {
  readonly blobs = new Map<Oid, Buffer>();
  readonly reads: string[] = [];
  /** Whose reading fails. */
  readonly broken = new Set<Oid>();

  readonly hold = (content: Buffer) => void this.blobs.set(oidOf(content), content);

  async get(oid: Oid, range: { offset: number; length?: number } = { offset: 0 }) {
    const { offset, length } = range;
    this.reads.push(length === undefined ? 'whole' : `${offset}+${length}`);
    const blob = this.blobs.get(oid);
    if (blob === undefined || this.broken.has(oid)) {
      throw new StratumError('UNREACHABLE', 'no node answers', { endpoint: 'object-1' });
    }
    const bytes = blob.subarray(offset, length === undefined ? undefined : offset + length);
    async function* chunks() {
      yield bytes;
    }
    return { size: blob.length, chunks: chunks() };
  }
}

describe('what is in no pack', () => {
  it('is found with one reading of each small index, the largest pack first', async () => {
    const objects = new CountedBlobs();
    const few = samplePack('few', [id(1), id(2)], objects.hold);
    const many = samplePack('many', [id(3), id(4), id(5)], objects.hold);
    const wanted = [id(5), id(1), id(3), id(9), id(5)];
    const { absent, unread } = await absentObjects(wanted, [few.ref, many.ref], { objects }, signal);
    expect({ absent: [...absent], unread }).toEqual({ absent: [id(9)], unread: [] });
    expect(objects.reads).toEqual(['whole', 'whole']);
  });

  it('reads no further index once all are found', async () => {
    const objects = new CountedBlobs();
    const packs = [[id(1)], [id(2), id(3)]].map((ids, at) => samplePack(`${at}`, ids, objects.hold).ref);
    expect((await absentObjects([id(3)], packs, { objects }, signal)).absent.size).toBe(0);
    expect(objects.reads).toHaveLength(1);
  });

  it('reads no range of a large index twice', async () => {
    const objects = new CountedBlobs();
    // Ids from 0x00... to 0x02..., an eighth of them each, and so much behind them that it is read in ranges.
    const ids = Array.from({ length: 24 }, (_, at) => id(at * 0x20_0000));
    const index = Buffer.concat([sampleIndex(ids), Buffer.alloc(4 * MiB)]);
    const { ref } = samplePack('large', ids, objects.hold, index);
    const { absent } = await absentObjects([...ids, id(0x20_0001)], [ref], { objects }, signal);
    expect([...absent]).toEqual([id(0x20_0001)]);
    expect(objects.reads).toEqual(['0+1032', '1032+160', '1192+160', '1352+160']);
  });

  it('names the packs whose index cannot be read, and goes on with the others', async () => {
    const objects = new CountedBlobs();
    const silent = samplePack('silent', [id(1), id(2), id(3)], objects.hold);
    const cut = samplePack('cut', [id(4), id(5)], objects.hold, Buffer.from('no index'));
    const good = samplePack('good', [id(6)], objects.hold);
    objects.broken.add(silent.oids.idx);
    const packs = [silent.ref, cut.ref, good.ref];
    const { absent, unread } = await absentObjects([id(1), id(6)], packs, { objects }, signal);
    expect([...absent]).toEqual([id(1)]);
    expect(unread.map(({ pack, error }) => `${pack.name} ${error.code}`)).toEqual([
      'silent UNREACHABLE',
      'cut DATA_CORRUPT',
    ]);
  });

  it('ends with the reason of its signal', async () => {
    const reason = new StratumError('CANCELLED', 'interrupted');
    const objects = new CountedBlobs();
    const { ref } = samplePack('any', [id(1)], objects.hold);
    await expect(absentObjects([id(1)], [ref], { objects }, AbortSignal.abort(reason))).rejects.toBe(reason);
  });
});
