import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type PlannedPack, planMaintenance } from '../../../../../src/node/frontend/maintenance/maintenance-plan.ts';

const options = { full: false, nowMs: 10_000, graceMs: 1_000 };
const pack = (number: number, objectCount: number, changes: Partial<PlannedPack> = {}): PlannedPack => ({
  name: `p${number}`,
  objectCount,
  hasBitmap: false,
  isUnreachable: false,
  addedAtMs: 9_500,
  ...changes,
});
const packs = (...counts: readonly number[]) => counts.map((count, at) => pack(at, count));
const bitmap = { hasBitmap: true };
const unreachable = { isUnreachable: true };

describe('the plan of a maintenance', () => {
  it.each([
    ['no pack', 'none', []],
    ['eight packs of like size', 'none', packs(1, 1, 1, 1, 1, 1, 1, 1)],
    ['nine packs of like size', 'geometric', packs(1, 1, 1, 1, 1, 1, 1, 1, 1)],
    ['nine packs, each twice the next', 'none', packs(1, 2, 4, 8, 16, 32, 64, 128, 256)],
    ['51 packs', 'full', packs(...Array.from({ length: 51 }, () => 1))],
    ['1,000 objects without a bitmap', 'none', packs(1_000)],
    ['1,001 objects without a bitmap', 'full', packs(1_001)],
    ['a quarter of the objects in no bitmap', 'none', [pack(1, 7_500, bitmap), pack(2, 2_500)]],
    ['more than a quarter in no bitmap', 'full', [pack(1, 7_500, bitmap), pack(2, 2_501)]],
    ['unreachable objects alone, in their grace time', 'none', [pack(1, 5_000, unreachable)]],
    ['unreachable objects, which no bitmap has', 'none', [pack(1, 5_000, bitmap), pack(2, 5_000, unreachable)]],
    [
      'unreachable objects past their grace time',
      'full',
      [pack(1, 5, unreachable), pack(2, 5, { ...unreachable, addedAtMs: 8_999 })],
    ],
  ] as const)('for %s is %s', (_, kind, given) => {
    expect(planMaintenance(given, options).kind).toBe(kind);
  });

  it('repacks for the sake of expired packs alone at most once a day', () => {
    const dayMs = 24 * 60 * 60 * 1000;
    const expired = pack(1, 5, { ...unreachable, addedAtMs: 0 });
    const planAt = (nowMs: number) =>
      planMaintenance([expired, pack(2, 5, { ...bitmap, addedAtMs: 5_000 })], { ...options, nowMs }).kind;
    expect([planAt(5_000 + dayMs - 1), planAt(5_000 + dayMs)]).toEqual(['none', 'full']);
  });

  it('is a full one wherever that is asked for, unless there is nothing', () => {
    expect(planMaintenance(packs(3), { ...options, full: true })).toMatchObject({ kind: 'full', replace: ['p0'] });
    expect(planMaintenance([], { ...options, full: true }).kind).toBe('none');
  });

  it('keeps unreachable objects in their own packs, so that their time goes on', () => {
    const old = pack(7, 5, { ...unreachable, addedAtMs: 0 });
    const young = pack(80, 5, unreachable);
    expect(planMaintenance([...packs(1, 2), old, young], { ...options, full: true })).toMatchObject({
      replace: ['p0', 'p1'],
      expired: ['p7'],
    });
    const many = Array.from({ length: 9 }, () => 1);
    const geometric = planMaintenance([...packs(...many), young], options);
    expect(geometric).toMatchObject({ kind: 'geometric' });
    expect(geometric.kind === 'geometric' && geometric.replace).not.toContain('p80');
  });

  it('puts many young packs of unreachable objects together', () => {
    const young = Array.from({ length: 9 }, (_, at) => pack(at, 5, unreachable));
    const plan = planMaintenance([...young, pack(100, 5)], { ...options, full: true });
    expect(plan.kind === 'full' && plan.replace).toHaveLength(10);
  });

  it('leaves a large pack alone while small ones are put together', () => {
    const plan = planMaintenance(
      [pack(0, 100_000, bitmap), ...packs(1, 1, 1, 1, 1, 1, 1, 1).map((each, at) => ({ ...each, name: `s${at}` }))],
      options,
    );
    expect(plan).toMatchObject({ kind: 'geometric', replace: ['s0', 's1', 's2', 's3', 's4', 's5', 's6', 's7'] });
  });

  it('makes a progression with the fewest of the smallest packs, whatever there is', () => {
    const counts = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 9, maxLength: 50 });
    fc.assert(
      fc.property(counts, (sizes) => {
        const given = packs(...sizes);
        fc.pre(sizes.reduce((sum, size) => sum + size, 0) <= 1_000);
        const plan = planMaintenance(given, options);
        const replace = new Set(plan.kind === 'geometric' ? plan.replace : []);
        const kept = given.filter(({ name }) => !replace.has(name)).map(({ objectCount }) => objectCount);
        const made = given.filter(({ name }) => replace.has(name)).map(({ objectCount }) => objectCount);
        expect(made.length).not.toBe(1);
        expect(Math.max(0, ...made)).toBeLessThanOrEqual(Math.min(Number.MAX_SAFE_INTEGER, ...kept));
        const total = made.reduce((sum, size) => sum + size, 0);
        const after = [...(total === 0 ? [] : [total]), ...kept].sort((a, b) => a - b);
        for (let at = 1; at < after.length; at += 1) {
          expect(after[at]).toBeGreaterThanOrEqual(2 * (after[at - 1] ?? 0));
        }
      }),
    );
  });
});
