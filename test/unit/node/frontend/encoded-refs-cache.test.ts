import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../../src/base/clock.ts';
import { EncodedRefsCache } from '../../../../src/node/frontend/encoded-refs-cache.ts';
import { RefReader } from '../../../../src/node/frontend/ref-reader.ts';
import { MemoryMetadata } from './memory-metadata.ts';

/** Refs as the reader gives them, for a repository with so many branches at a generation. */
async function refsOf(name: string, branches: number, generation = 1n) {
  const metadata = new MemoryMetadata();
  await metadata.createRepo({ name, objectFormat: 1, head: '' });
  const stored = metadata.repos.get(name);
  if (stored === undefined) throw new Error('not created');
  stored.repo.id = name.padEnd(32, '0');
  stored.repo.refsGeneration = generation;
  for (let at = 0; at < branches; at += 1) {
    const ref = { name: `refs/heads/branch-${at}`, objectId: 'a'.repeat(40), peeledId: '' };
    stored.refs.set(ref.name, ref);
  }
  return new RefReader({ cachedRefsMax: 1_000, timeoutMs: 1_000 }, { clock: systemClock, metadata }).read(name);
}

describe('EncodedRefsCache', () => {
  it('encodes a shape once for a generation', async () => {
    const cache = new EncodedRefsCache({ bytesMax: 10_000 });
    const refs = await refsOf('o/n', 3);
    const first = cache.linesOf(refs)('plain');
    expect(cache.linesOf(await refsOf('o/n', 3))('plain')).toBe(first);
    expect(cache.linesOf(refs)('attribute')).not.toBe(first);
  });

  it('never gives the lines of another generation or repository', async () => {
    const cache = new EncodedRefsCache({ bytesMax: 10_000 });
    cache.linesOf(await refsOf('o/n', 1))('plain');
    expect(
      cache
        .linesOf(await refsOf('o/n', 2, 2n))('plain')
        .all.toString(),
    ).toContain('branch-1');
    expect(
      cache
        .linesOf(await refsOf('o/n', 1, 1n))('plain')
        .all.toString(),
    ).not.toContain('branch-1');
    expect(
      cache
        .linesOf(await refsOf('o/other', 2))('plain')
        .all.toString(),
    ).toContain('branch-1');
  });

  it('keeps within its bytes: the encoding that was not used for longest makes room', async () => {
    const [one, two, three] = await Promise.all([refsOf('o/1', 10), refsOf('o/2', 10), refsOf('o/3', 10)]);
    const { byteLength } = new EncodedRefsCache({ bytesMax: 1 }).linesOf(one)('plain');
    const cache = new EncodedRefsCache({ bytesMax: 2 * byteLength });
    const [first, second] = [cache.linesOf(one)('plain'), cache.linesOf(two)('plain')];
    expect(cache.linesOf(one)('plain')).toBe(first);
    cache.linesOf(three)('plain');
    expect(cache.linesOf(one)('plain')).toBe(first);
    expect(cache.linesOf(two)('plain')).not.toBe(second);
  });

  it('serves what is larger than all of it', async () => {
    const cache = new EncodedRefsCache({ bytesMax: 10 });
    const refs = await refsOf('o/n', 5);
    const first = cache.linesOf(refs)('plain');
    expect(first.all.toString()).toContain('branch-4');
    expect(cache.linesOf(refs)('plain')).not.toBe(first);
  });
});
