import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { StratumError } from '../../../../src/base/errors.ts';
import { HintLog, type HintLogOptions } from '../../../../src/replication/hints/hint-log.ts';
import type { Hint } from '../../../../src/replication/hints/hint-record.ts';
import { HintTable } from '../../../../src/replication/hints/hint-table.ts';
import type { GapFate } from '../../../../src/replication/repair/gap-copy.ts';
import { diskFull } from '../../../../src/store/disk-error.ts';
import { singleKey } from '../../../../src/store/keys.ts';
import { openLmdb } from '../../../../src/store/lmdb-environment.ts';
import { type ManualClock, manualClock } from '../../base/manual-clock.ts';
import { type RecordingLog, recordingLog } from '../../base/recording-log.ts';
import { temporaryFolder } from '../../store/sample-blobs.ts';
import { gapAt } from './sample-hints.ts';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let clock: ManualClock;
let log: RecordingLog;
let hints: HintLog;
let ended: string[];
let runs = 0;

const failed: GapFate = { outcome: 'FAILED', at: 'TARGET', error: new StratumError('INTERNAL', 'no') };
const closed: GapFate = { outcome: 'CLOSED' };

async function openLog(options: Partial<HintLogOptions> = {}): Promise<HintLog> {
  const observer = { ended: (end: string, count: number) => void ended.push(...Array<string>(count).fill(end)) };
  const opened = new HintLog({ path: join(folder.path, 'hints'), ...options }, { clock, log, observer });
  await opened.start();
  return opened;
}

async function reopen(options: Partial<HintLogOptions> = {}): Promise<void> {
  await hints.stop();
  hints = await openLog(options);
}

/** Everything that is kept for a node, oldest first. */
function kept(nodeId = 'o1'): readonly Hint[] {
  return hints.page(nodeId, 0n, 10_000, Number.POSITIVE_INFINITY);
}

async function note(...gaps: readonly ReturnType<typeof gapAt>[]): Promise<void> {
  for (const gap of gaps) hints.note(gap, gap.reason);
  await hints.flush();
}

beforeEach(async () => {
  folder = await temporaryFolder();
  clock = manualClock();
  log = recordingLog();
  ended = [];
  hints = await openLog();
});
afterEach(async () => {
  await hints.stop();
  await folder.remove();
});

describe('the hint log', () => {
  it('keeps hints across a restart: node, blob, size, reason, time and tries', async () => {
    await note(gapAt('o1', 1, 10), gapAt('o2', 1, 10, 'CORRUPT'));
    clock.advance(5_000);
    await note(gapAt('o1', 2, 20, 'MISSING'));
    await hints.settle([{ hint: kept()[0] as Hint, fate: { ...failed, gap: gapAt('o1', 1) } }]);
    await reopen();
    expect(kept()).toEqual([
      { ...gapAt('o1', 1, 10), number: 1n, notedAtMs: 1_000_000, attempts: 1 },
      { ...gapAt('o1', 2, 20, 'MISSING'), number: 3n, notedAtMs: 1_005_000, attempts: 0 },
    ]);
    expect(kept('o2')).toMatchObject([{ reason: 'CORRUPT' }]);
    expect(hints.stats()).toEqual({ pending: 3, bytes: 40, oldestAgeMs: 5_000, dropped: 0, replayed: 0 });
    await note(gapAt('o3', 3));
    expect(kept('o3')).toMatchObject([{ number: 4n }]);
  });

  it('tells two nodes apart of which one’s name begins with the other’s', async () => {
    await note(gapAt('o1', 1), gapAt('o10', 2), gapAt('o1', 3), gapAt('o', 4));
    expect(kept('o1').map(({ oid }) => oid)).toEqual([gapAt('o1', 1).oid, gapAt('o1', 3).oid]);
    await reopen();
    expect(hints.nodeIds().toSorted()).toEqual(['o', 'o1', 'o10']);
    expect(['o', 'o1', 'o10', 'o100'].map((nodeId) => hints.countOf(nodeId))).toEqual([1, 2, 1, 0]);
  });

  it('collapses duplicates, with the age of the first and the reason that asks most', async () => {
    await note(gapAt('o1', 1, 100, 'MISSING'), gapAt('o1', 2), gapAt('o1', 2));
    clock.advance(1_000);
    await note(gapAt('o1', 1, 100, 'CORRUPT'), gapAt('o1', 1, 100, 'MISSING'), gapAt('o1', 2, 100, 'MISSING'));
    expect(kept()).toMatchObject([
      { notedAtMs: 1_000_000, reason: 'CORRUPT', number: 1n },
      { notedAtMs: 1_000_000, reason: 'MISSED_WRITE', number: 2n },
    ]);
    expect(hints.stats()).toMatchObject({ pending: 2, bytes: 200 });
  });

  it.each(['MISSED_WRITE', 'CORRUPT', 'MISSING'] as const)(
    'takes a write that is missed again for a new one of a hint that was %s: with its time, as the youngest',
    async (reason) => {
      await note(gapAt('o1', 1, 100, reason), gapAt('o1', 2));
      const first = kept().map((hint) => ({ hint, fate: { ...closed, gap: hint } }));
      clock.advance(1_000);
      await note(gapAt('o1', 1));
      const stronger = reason === 'MISSING' ? 'MISSED_WRITE' : reason;
      const renewed = { ...gapAt('o1', 1, 100, stronger), notedAtMs: 1_001_000, number: 3n, attempts: 0 };
      expect(kept()).toMatchObject([gapAt('o1', 2), renewed]);
      expect(hints.stats()).toMatchObject({ pending: 2, bytes: 200 });
      // What was copied before it was missed again has not renewed its age.
      await hints.settle(first);
      await reopen();
      expect(kept()).toEqual([renewed]);
    },
  );

  it('neither waits nor throws, whatever its state', async () => {
    hints.note(gapAt('o1', 1), 'MISSING');
    expect(hints.stats().pending).toBe(0);
    hints.note(gapAt('o1', 2, Number.NaN), 'MISSING');
    hints.note(gapAt('o1', 2, -1), 'MISSING');
    await hints.stop();
    hints.note(gapAt('o1', 3), 'MISSING');
    hints = await openLog();
    expect(kept()).toHaveLength(1);
    expect(ended).toEqual(['failed', 'failed', 'failed']);
  });

  it('drops what does not fit into its queue', async () => {
    await reopen({ queueMax: 3 });
    await note(...Array.from({ length: 5 }, (_, seed) => gapAt('o1', seed)));
    expect(kept().map(({ oid }) => oid)).toEqual([0, 1, 2].map((seed) => gapAt('o1', seed).oid));
    expect(ended).toEqual(['overflow', 'overflow']);
  });

  it.each([
    { bound: 'count', options: { countMax: 3 } },
    { bound: 'sum of bytes', options: { bytesMax: 300 } },
  ])('drops the oldest of all nodes beyond its $bound, and logs that once', async ({ options }) => {
    await reopen(options);
    for (let seed = 0; seed < 6; seed += 1) await note(gapAt(seed % 2 === 0 ? 'o1' : 'o2', seed));
    expect(kept('o1').map(({ oid }) => oid)).toEqual([gapAt('o1', 4).oid]);
    expect(kept('o2').map(({ oid }) => oid)).toEqual([gapAt('o2', 3).oid, gapAt('o2', 5).oid]);
    expect(hints.stats()).toMatchObject({ pending: 3, bytes: 300, dropped: 3 });
    expect(ended).toEqual(['overflow', 'overflow', 'overflow']);
    expect(log.lines.filter(({ level }) => level === 'warn')).toHaveLength(1);
    clock.advance(60_000);
    await note(gapAt('o1', 9));
    expect(log.lines.filter(({ level }) => level === 'warn')[1]?.fields).toEqual({ hints: 3, reason: 'overflow' });
  });

  it('does not drive out the others for one that alone exceeds the bound', async () => {
    await reopen({ bytesMax: 300 });
    await note(gapAt('o1', 1), gapAt('o1', 2, 301));
    expect(kept()).toMatchObject([gapAt('o1', 1)]);
    expect(ended).toEqual(['overflow']);
  });

  it('gives none that is too old, and drops those', async () => {
    await note(gapAt('o1', 1));
    clock.advance(3 * 3_600_000);
    await note(gapAt('o1', 2), gapAt('o2', 3));
    expect(kept()).toHaveLength(2);
    clock.advance(1);
    expect(kept()).toMatchObject([gapAt('o1', 2)]);
    await hints.expire();
    expect(ended).toEqual(['expired']);
    expect(hints.stats()).toMatchObject({ pending: 2, dropped: 1 });
    await reopen({ ageMaxMs: 0 });
    clock.advance(1);
    await hints.expire();
    expect([hints.nodeIds(), hints.stats().pending]).toEqual([[], 0]);
  });

  it.each([
    { what: 'forward', jumpMs: 9 * 3_600_000 },
    { what: 'back', jumpMs: -1_800_000 },
  ])('keeps to the time that passed when the wall clock jumps $what', async ({ jumpMs }) => {
    await note(gapAt('o1', 1));
    await hints.stop();
    let jumpedMs = 0;
    const own = { ...clock, nowMs: () => clock.nowMs() + jumpedMs };
    hints = new HintLog({ path: join(folder.path, 'hints') }, { clock: own, log });
    await hints.start();
    await note(gapAt('o1', 2));
    clock.advance(3_600_000);
    jumpedMs = jumpMs;
    await hints.expire();
    expect(hints.stats()).toMatchObject({ pending: 2, oldestAgeMs: 3_600_000 });
    await note(gapAt('o1', 3));
    clock.advance(2 * 3_600_000 + 1);
    await hints.expire();
    expect(kept()).toMatchObject([gapAt('o1', 3)]);
    clock.advance(3_600_000);
    await hints.expire();
    expect(hints.stats().pending).toBe(0);
  });

  it('drops many that are too old in commits of at most 500, and lets others have their turn between', async () => {
    for (let seed = 0; seed < 1_800; seed += 1) hints.note(gapAt(`o${seed % 2}`, seed), 'MISSED_WRITE');
    await hints.flush();
    clock.advance(3 * 3_600_000 + 1);
    await note(gapAt('o1', 9_000));
    const seen = new Set<number>();
    let isDone = false;
    const look = () => {
      seen.add(hints.stats().pending);
      if (!isDone) setImmediate(look);
    };
    look();
    await hints.expire();
    isDone = true;
    expect([...seen]).toEqual([1_801, 1_301, 801, 301]);
    expect(kept()).toMatchObject([gapAt('o1', 9_000)]);
    expect([ended.length, hints.nodeIds()]).toEqual([1_800, ['o1']]);
  });

  it('ends the dropping of what is too old between two commits', async () => {
    for (let seed = 0; seed < 1_200; seed += 1) hints.note(gapAt('o1', seed), 'MISSED_WRITE');
    await hints.flush();
    clock.advance(3 * 3_600_000 + 1);
    const controller = new AbortController();
    const expiring = hints.expire(controller.signal);
    controller.abort();
    await expiring;
    expect(hints.stats().pending).toBe(700);
  });

  it('drops many beyond its bounds in commits of at most 500', async () => {
    for (let seed = 0; seed < 1_800; seed += 1) hints.note(gapAt('o1', seed), 'MISSED_WRITE');
    await reopen({ countMax: 10 });
    const change = vi.spyOn(HintTable.prototype, 'change');
    await note(gapAt('o1', 9_000));
    expect(change).toHaveBeenCalledTimes(4);
    change.mockRestore();
    expect(kept().map(({ number }) => number)).toEqual(Array.from({ length: 10 }, (_, index) => BigInt(1_792 + index)));
  });

  it('does not try for ever to keep its bounds on a disk that takes nothing', async () => {
    for (let seed = 0; seed < 1_200; seed += 1) hints.note(gapAt('o1', seed), 'MISSED_WRITE');
    await reopen({ countMax: 10 });
    const watched = vi.spyOn(HintTable.prototype, 'change');
    const unsubscribe = hints.subscribe(() => void watched.mockRejectedValueOnce(diskFull('hints', { limit: 0n })));
    await note(gapAt('o1', 9_000));
    expect([watched.mock.calls.length, hints.stats().pending]).toEqual([2, 701]);
    unsubscribe();
    watched.mockRestore();
    await note(gapAt('o1', 9_001));
    expect(hints.stats().pending).toBe(10);
  });

  it('looks for no younger ones behind a great many that are too old', async () => {
    for (let seed = 0; seed < 1_100; seed += 1) hints.note(gapAt('o1', seed), 'MISSED_WRITE');
    await hints.flush();
    clock.advance(3 * 3_600_000 + 1);
    await note(gapAt('o1', 9_000));
    expect(kept()).toEqual([]);
    await hints.expire();
    expect(kept()).toMatchObject([gapAt('o1', 9_000)]);
  });

  it.each([
    { fate: closed, end: 'replayed' },
    { fate: { outcome: 'NEEDLESS' } as GapFate, end: 'needless' },
    { fate: { outcome: 'LOST', error: new StratumError('INTERNAL', 'gone') } as GapFate, end: 'failed' },
  ])('forgets a hint that was $end', async ({ fate, end }) => {
    await note(gapAt('o1', 1), gapAt('o1', 2));
    await hints.settle(
      kept()
        .slice(0, 1)
        .map((hint) => ({ hint, fate: { ...fate, gap: hint } })),
    );
    expect(kept()).toMatchObject([gapAt('o1', 2)]);
    expect([ended, hints.stats().bytes]).toEqual([[end], 100]);
    await reopen();
    expect(hints.stats().pending).toBe(1);
  });

  it('keeps a hint whose copy was found corrupt while it was tried, and one that was noted anew', async () => {
    await note(gapAt('o1', 1), gapAt('o1', 2));
    const settled = kept().map((hint) => ({ hint, fate: { ...closed, gap: hint } }));
    await note(gapAt('o1', 1, 100, 'CORRUPT'));
    await hints.settle(settled.slice(1));
    await note(gapAt('o1', 2));
    await hints.settle(settled);
    expect(kept()).toMatchObject([gapAt('o1', 1, 100, 'CORRUPT'), gapAt('o1', 2)]);
    expect(ended).toEqual(['replayed']);
  });

  it('gives pages of so many hints or bytes, but of one at least', async () => {
    await note(...[50, 500, 50, 60, 70].map((size, seed) => gapAt('o1', seed, size)));
    const sizes = (after: bigint, countMax: number, bytesMax: number) =>
      hints.page('o1', after, countMax, bytesMax).map(({ size }) => size);
    expect(sizes(0n, 2, 1_000)).toEqual([50, 500]);
    expect(sizes(0n, 9, 100)).toEqual([50]);
    expect(sizes(1n, 9, 100)).toEqual([500]);
    expect(sizes(2n, 9, 110)).toEqual([50, 60]);
    expect(sizes(5n, 9, 110)).toEqual([]);
  });

  it('tells of new hints when they are on disk', async () => {
    const seen: number[] = [];
    const unsubscribe = hints.subscribe(() => void seen.push(hints.stats().pending));
    await note(gapAt('o1', 1), gapAt('o1', 2));
    unsubscribe();
    await note(gapAt('o1', 3));
    expect(seen).toEqual([2]);
  });

  it('writes what was noted before it stops', async () => {
    for (let seed = 0; seed < 2_500; seed += 1) hints.note(gapAt('o1', seed), 'MISSED_WRITE');
    await reopen();
    expect(hints.stats().pending).toBe(2_500);
  });

  it('counts what it finds in slices, and lets others have their turn between', async () => {
    for (let seed = 0; seed < 2_500; seed += 1) hints.note(gapAt('o1', seed), 'MISSED_WRITE');
    await hints.stop();
    let turn = 0;
    let isDone = false;
    const count = () => {
      turn += 1;
      if (!isDone) setImmediate(count);
    };
    count();
    const turns: number[] = [];
    const { slice } = HintTable.prototype;
    const watched = vi.spyOn(HintTable.prototype, 'slice').mockImplementation(function (this: HintTable, ...question) {
      turns.push(turn);
      return slice.apply(this, question);
    });
    hints = await openLog();
    watched.mockRestore();
    isDone = true;
    expect([turns.length, new Set(turns).size, hints.stats().pending]).toEqual([4, 4, 2_500]);
  });

  it('begins anew when its file is damaged', async () => {
    await note(gapAt('o1', 1));
    await hints.stop();
    await writeFile(join(folder.path, 'hints', 'data.mdb'), 'no database');
    hints = await openLog();
    expect(hints.stats().pending).toBe(0);
    expect(log.lines).toMatchObject([{ level: 'warn', message: expect.stringContaining('begins anew') }]);
    await note(gapAt('o1', 1));
    expect(kept()).toHaveLength(1);
  });

  it('drops single records that it cannot read', async () => {
    await note(gapAt('o1', 1), gapAt('o1', 2));
    await hints.stop();
    const database = openLmdb(join(folder.path, 'hints'));
    const [first] = [...database.getRange({ start: singleKey('frontendHint'), limit: 1 })];
    await database.put(first?.key as Buffer, Buffer.from([9]));
    await database.close();
    hints = await openLog();
    expect(kept()).toMatchObject([gapAt('o1', 2)]);
    expect(hints.stats()).toMatchObject({ pending: 1, bytes: 100 });
    await note(gapAt('o1', 1));
    expect(kept()).toMatchObject([gapAt('o1', 2), gapAt('o1', 1)]);
  });

  it('counts what it could not write, and goes on', async () => {
    await note(gapAt('o1', 1));
    const [hint] = kept();
    const change = vi.spyOn(HintTable.prototype, 'change').mockRejectedValue(diskFull('hints', { limit: 0n }));
    await note(gapAt('o1', 2));
    const settling = hints.settle([{ hint: hint as Hint, fate: { ...closed, gap: gapAt('o1', 1) } }]);
    await expect(settling).rejects.toMatchObject({ code: 'DISK_FULL' });
    change.mockRestore();
    expect(ended).toEqual(['failed']);
    expect(hints.stats()).toMatchObject({ pending: 1, dropped: 1 });
    await note(gapAt('o1', 3));
    expect(kept()).toMatchObject([gapAt('o1', 1), gapAt('o1', 3)]);
  });

  it('never loses a durable hint that is within its bounds, whatever happens in which order', async () => {
    const step = fc.oneof(
      {
        weight: 6,
        arbitrary: fc.record({
          do: fc.constant('note' as const),
          node: fc.nat(2),
          seed: fc.nat(15),
          size: fc.integer({ min: 0, max: 120 }),
        }),
      },
      {
        weight: 2,
        arbitrary: fc.record({
          do: fc.constant('settle' as const),
          node: fc.nat(2),
          take: fc.nat(4),
          works: fc.boolean(),
        }),
      },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const) }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('age' as const), ms: fc.nat(600) }) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const options = { path: join(folder.path, `run-${runs}`), countMax: 12, bytesMax: 700, ageMaxMs: 1_000 };
        runs += 1;
        const open = async () => {
          const opened = new HintLog(options, { clock, log });
          await opened.start();
          return opened;
        };
        let tested = await open();
        let model: { key: string; size: number; atMs: number; nodeId: string }[] = [];
        try {
          for (const each of steps) {
            if (each.do === 'note') {
              const gap = gapAt(`o${each.node}`, each.seed, each.size);
              tested.note(gap, gap.reason);
              await tested.flush();
              const key = `${gap.nodeId}/${gap.oid}`;
              const known = model.find((one) => one.key === key);
              if (known?.atMs !== clock.nowMs()) {
                model = model.filter((one) => one !== known);
                model.push({ key, size: known?.size ?? gap.size, atMs: clock.nowMs(), nodeId: gap.nodeId });
              }
              const bytes = () => model.reduce((sum, { size }) => sum + size, 0);
              while (model.length > 12 || bytes() > 700) model.shift();
            } else if (each.do === 'settle') {
              const nodeId = `o${each.node}`;
              const page = tested.page(nodeId, 0n, each.take, 1_000);
              const fate = each.works ? closed : failed;
              await tested.settle(page.map((hint) => ({ hint, fate: { ...fate, gap: hint } })));
              const gone = new Set(each.works ? page.map(({ oid }) => `${nodeId}/${oid}`) : []);
              model = model.filter(({ key }) => !gone.has(key));
            } else if (each.do === 'restart') {
              await tested.stop();
              tested = await open();
            } else {
              clock.advance(each.ms);
              await tested.expire();
              model = model.filter(({ atMs }) => clock.nowMs() - atMs <= 1_000);
            }
            const all = [0, 1, 2].flatMap((node) => tested.page(`o${node}`, 0n, 100, 10_000));
            expect(all.map(({ nodeId, oid }) => `${nodeId}/${oid}`).toSorted()).toEqual(
              model.map(({ key }) => key).toSorted(),
            );
            const { pending, bytes } = tested.stats();
            expect([pending, bytes]).toEqual([model.length, model.reduce((sum, { size }) => sum + size, 0)]);
          }
        } finally {
          await tested.stop();
        }
      }),
      { numRuns: 25 },
    );
  });
});
