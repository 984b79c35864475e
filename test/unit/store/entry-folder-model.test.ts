import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { oidOf } from '../../../src/base/oid.ts';
import { KiB } from '../../../src/base/units.ts';
import type { EntryFolder } from '../../../src/store/entry-folder.ts';
import { type ManualClock, manualClock } from '../base/manual-clock.ts';
import { recordingLog } from '../base/recording-log.ts';
import { contentOf, temporaryFolder } from './sample-blobs.ts';
import { contentIn, keyOf, openFolder, sayingDisk, store } from './sample-entries.ts';

/** Writers ask for room in steps, each as large as all before it: entries of these sizes get exactly what they take. */
const stepBytes = 64 * KiB;
/** What the footer adds to such an entry. */
const footerBlockBytes = 4 * KiB;
const entriesMax = 4;
const bytesMax = 6 * stepBytes + 6 * footerBlockBytes;
const ageMaxMs = 3_600_000;

const key = fc.nat(5);
const steps = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('store' as const), key, steps: fc.constantFrom(0, 1, 2, 4) }) },
  {
    weight: 5,
    arbitrary: fc.record({ kind: fc.constantFrom('read' as const, 'touch' as const, 'peek' as const), key }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('delete' as const), key }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.constantFrom(1, 59_999, 61_000, 1_800_000) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart' as const) }) },
);
type Step = typeof steps extends fc.Arbitrary<infer T> ? T : never;

const takenBy = (content: Buffer) => content.length + footerBlockBytes;

/** What the folder should hold: the one that was not used for longest first. */
class Model {
  readonly entries = new Map<number, { content: Buffer; usedAtMs: number }>();

  expire(nowMs: number): void {
    for (const [number, { usedAtMs }] of this.entries) if (nowMs - usedAtMs >= ageMaxMs) this.entries.delete(number);
  }

  store(number: number, content: Buffer, nowMs: number): void {
    const total = () =>
      [...this.entries.values()].reduce((bytes, entry) => bytes + takenBy(entry.content), takenBy(content));
    while (total() > bytesMax) {
      const [oldest = 0] = this.entries.keys();
      this.entries.delete(oldest);
    }
    this.entries.delete(number);
    this.entries.set(number, { content, usedAtMs: nowMs });
    const [oldest = 0] = this.entries.keys();
    if (this.entries.size > entriesMax) this.entries.delete(oldest);
  }

  use(number: number, nowMs: number): void {
    const entry = this.entries.get(number);
    if (entry === undefined) return;
    this.entries.delete(number);
    this.entries.set(number, { ...entry, usedAtMs: nowMs });
  }
}

async function play(
  schedule: readonly Step[],
  reopen: (old?: EntryFolder) => Promise<EntryFolder>,
  clock: ManualClock,
): Promise<EntryFolder> {
  const model = new Model();
  let folder = await reopen();
  for (const [index, step] of schedule.entries()) {
    // No two uses at one moment: their order would not survive a restart, nor would one be noted within a minute.
    clock.advance(60_000);
    if (step.kind === 'wait') clock.advance(step.ms);
    model.expire(clock.nowMs());
    if (step.kind === 'restart') folder = await reopen(folder);
    if (step.kind === 'store') {
      const content = contentOf(step.steps * stepBytes, index);
      await store(folder, keyOf(step.key), content);
      model.store(step.key, content, clock.nowMs());
    }
    if (step.kind === 'read' || step.kind === 'touch' || step.kind === 'peek') {
      const known = model.entries.get(step.key);
      if (step.kind === 'read') {
        const content = await contentIn(folder, keyOf(step.key));
        expect(content === undefined ? undefined : oidOf(content)).toBe(known && oidOf(known.content));
      } else if (step.kind === 'touch') expect(folder.touch(keyOf(step.key))?.sizeBytes).toBe(known?.content.length);
      else expect(folder.peek(keyOf(step.key))?.usedAtMs).toBe(known?.usedAtMs);
      if (step.kind !== 'peek') model.use(step.key, clock.nowMs());
    }
    if (step.kind === 'delete') expect(await folder.delete(keyOf(step.key))).toBe(model.entries.delete(step.key));
    const listed = [...folder.entries()].map((entry) => [entry.key, entry.sizeBytes, entry.usedAtMs]);
    const expected = [...model.entries].map(([number, { content, usedAtMs }]) => [
      keyOf(number),
      content.length,
      usedAtMs,
    ]);
    expect(listed).toEqual(expected);
  }
  return folder;
}

describe('an entry folder beside its model', () => {
  it('holds the same entries in the same order after any steps, restarts included', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(steps, { minLength: 3, maxLength: 40 }), async (schedule) => {
        const { path, remove } = await temporaryFolder();
        const clock = manualClock(1_700_000_000_000);
        const modules = { clock, log: recordingLog(), measureDisk: sayingDisk().measureDisk };
        try {
          const reopen = async (old?: EntryFolder) => {
            await old?.close();
            return await openFolder({ path, bytesMax, entriesMax, ageMaxMs }, modules);
          };
          const folder = await play(schedule, reopen, clock);
          await folder.close();
        } finally {
          await remove();
        }
      }),
      { numRuns: 40 },
    );
  });
});
