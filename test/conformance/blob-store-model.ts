import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { StratumError } from '../../src/base/errors.ts';
import { type Oid, oidOf } from '../../src/base/oid.ts';
import { KiB } from '../../src/base/units.ts';
import type { BlobStore } from '../../src/store/blob-store.ts';
import { bytesOf, chunksOf, contentOf } from '../unit/store/sample-blobs.ts';
import type { BlobStorePlace } from './blob-store.ts';

interface ModelBlob {
  readonly content: Buffer;
  storedAtMs: number;
  state: 'good' | 'damaged' | 'quarantined';
}

/** A store that can do nothing wrong: what the real one is compared with. */
type Model = Map<Oid, ModelBlob>;

/** Few blobs, so that operations meet each other; one of them is kept as a file on disk. */
const contents = [0, 1, 100, 4 * KiB, 64 * KiB, 64 * KiB + 1].map((bytes, seed) => contentOf(bytes, seed));
const which = fc.nat({ max: contents.length - 1 });

type Operation =
  | { readonly kind: 'put' | 'read' | 'verify' | 'delete' | 'damage'; readonly at: number }
  | { readonly kind: 'deleteOlder'; readonly at: number; readonly ageMs: number }
  | { readonly kind: 'putMany'; readonly ats: readonly number[]; readonly wrong: readonly number[] }
  | { readonly kind: 'getMany'; readonly ats: readonly number[] }
  | { readonly kind: 'wait'; readonly ms: number };

const operations = fc.array(
  fc.oneof<fc.Arbitrary<Operation>[]>(
    fc.record({ kind: fc.constantFrom('put', 'read', 'verify', 'delete', 'damage'), at: which }),
    fc.record({ kind: fc.constant('deleteOlder'), at: which, ageMs: fc.nat({ max: 20 }) }),
    fc.record({
      kind: fc.constant('putMany'),
      ats: fc.array(which, { maxLength: 8 }),
      wrong: fc.array(which, { maxLength: 2 }),
    }),
    fc.record({ kind: fc.constant('getMany'), ats: fc.array(which, { maxLength: 8 }) }),
    fc.record({ kind: fc.constant('wait'), ms: fc.nat({ max: 10 }) }),
  ),
  { minLength: 1, maxLength: 30 },
);

/** After any run of operations every store says what the model says. */
export function describeBlobStoreModel(name: string, open: () => Promise<BlobStorePlace>, runs: number): void {
  describe(`${name} beside a model`, () => {
    it('answers as the model does after any operations', { timeout: 60_000 }, async () => {
      await fc.assert(
        fc.asyncProperty(operations, async (steps) => {
          const place = await open();
          try {
            const model: Model = new Map();
            for (const step of steps) await runStep(step, place, model);
            await compareAll(place.store, model);
          } finally {
            await place.remove();
          }
        }),
        { numRuns: runs },
      );
    });
  });
}

function pick(at: number): { readonly oid: Oid; readonly content: Buffer } {
  const content = contents[at] ?? Buffer.alloc(0);
  return { oid: oidOf(content), content };
}

async function runStep(step: Operation, place: BlobStorePlace, model: Model): Promise<void> {
  const { store, clock } = place;
  if (step.kind === 'wait') return clock.advance(step.ms);
  if (step.kind === 'putMany') return putMany(step, place, model);
  if (step.kind === 'getMany') return getMany(step.ats.map(pick), store, model);
  const { oid, content } = pick(step.at);
  const known = model.get(oid);
  switch (step.kind) {
    case 'put':
      return expectPut(await store.put(oid, content.length, chunksOf(content)), oid, content, place, model);
    case 'read':
      return read(oid, store, model);
    case 'verify':
      if (known?.state === 'damaged') known.state = 'quarantined';
      expect(await store.verify(oid)).toBe(presenceIn(model, oid));
      return;
    case 'damage':
      if (known === undefined || known.state !== 'good' || content.length === 0) return;
      await place.damage(oid);
      known.state = 'damaged';
      return;
    case 'delete':
      expect(await store.delete(oid)).toBe(model.delete(oid));
      return;
    case 'deleteOlder': {
      const storedBeforeMs = clock.nowMs() - step.ageMs;
      const isOlder = known !== undefined && known.storedAtMs < storedBeforeMs;
      expect(await store.delete(oid, storedBeforeMs)).toBe(isOlder);
      if (isOlder) model.delete(oid);
    }
  }
}

function expectPut(got: unknown, oid: Oid, content: Buffer, { clock }: BlobStorePlace, model: Model): void {
  const known = model.get(oid);
  // Of a copy that is damaged and not yet found to be, a store may say either.
  if (known?.state === 'damaged') expect(got).toEqual({ existed: expect.any(Boolean) });
  else expect(got).toEqual({ existed: known?.state === 'good' });
  model.set(oid, { content, storedAtMs: clock.nowMs(), state: 'good' });
}

async function putMany(
  { ats, wrong }: { readonly ats: readonly number[]; readonly wrong: readonly number[] },
  place: BlobStorePlace,
  model: Model,
): Promise<void> {
  const spoilt = wrong.map((at) => ({ oid: pick(at).oid, content: Buffer.concat([pick(at).content, Buffer.of(1)]) }));
  const blobs = [...new Set(ats)].map(pick);
  const fates = await place.store.putMany([...spoilt, ...blobs]);
  expect(fates).toHaveLength(spoilt.length + blobs.length);
  for (const fate of fates.slice(0, spoilt.length)) {
    expect(fate instanceof StratumError && fate.code).toBe('CHECKSUM_MISMATCH');
  }
  for (const [index, { oid, content }] of blobs.entries()) {
    expectPut(fates[spoilt.length + index], oid, content, place, model);
  }
}

async function getMany(asked: readonly { readonly oid: Oid }[], store: BlobStore, model: Model): Promise<void> {
  const oids = asked.map(({ oid }) => oid);
  for (const known of oids.map((oid) => model.get(oid))) if (known?.state === 'damaged') known.state = 'quarantined';
  const answers = await store.getMany(oids, Number.MAX_SAFE_INTEGER);
  expect(answers.map((answer) => (answer.presence === 'PRESENT' ? oidOf(answer.content) : answer.presence))).toEqual(
    oids.map((oid) => (presenceIn(model, oid) === 'PRESENT' ? oid : presenceIn(model, oid))),
  );
}

async function read(oid: Oid, store: BlobStore, model: Model): Promise<void> {
  const known = model.get(oid);
  const reading = async () => bytesOf((await store.read(oid)).chunks);
  if (known === undefined) {
    await expect(reading()).rejects.toMatchObject({ code: 'BLOB_NOT_FOUND' });
  } else if (known.state === 'good') {
    expect((await reading()).equals(known.content)).toBe(true);
  } else {
    known.state = 'quarantined';
    await expect(reading()).rejects.toMatchObject({ code: 'CHECKSUM_MISMATCH' });
  }
}

function presenceIn(model: Model, oid: Oid): string {
  const known = model.get(oid);
  if (known === undefined) return 'MISSING';
  return known.state === 'quarantined' ? 'CORRUPT' : 'PRESENT';
}

async function compareAll(store: BlobStore, model: Model): Promise<void> {
  const good = [...model].filter(([, { state }]) => state !== 'quarantined');
  const { entries } = await store.list(0n, 2n ** 64n - 1n, undefined, 100);
  expect(entries).toEqual(
    [...model]
      .map(([oid, { content, storedAtMs }]) => {
        const presence = presenceIn(model, oid);
        return { oid, size: content.length, storedAtMs, presence };
      })
      .toSorted((a, b) => (a.oid < b.oid ? -1 : 1)),
  );
  expect(await store.stats()).toMatchObject({
    blobCount: good.length,
    storedBytes: good.reduce((sum, [, { content }]) => sum + content.length, 0),
    quarantinedCount: model.size - good.length,
  });
}
