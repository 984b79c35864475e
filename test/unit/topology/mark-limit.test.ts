import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { limitMarks, type Mark, marksMaxOf } from '../../../src/topology/mark-limit.ts';

describe('marksMaxOf', () => {
  it.each([
    [0, 4],
    [1, 4],
    [40, 4],
    [41, 5],
    [100, 10],
    [1_000, 100],
    [1_001, 101],
  ])('lets a cluster of %i nodes mark %i within a window', (nodes, expected) => {
    expect(marksMaxOf(nodes)).toBe(expected);
  });
});

const wanted = (...ids: readonly string[]) => ids.map((nodeId) => ({ nodeId }));

describe('limitMarks', () => {
  it('lets the first through, and the rest when the window has passed', () => {
    const limit = { windowMs: 1_000, marksMax: 2 };
    const first = limitMarks([], wanted('a', 'b', 'c'), { ...limit, nowMs: 0 });
    expect(first.allowed).toEqual(wanted('a', 'b'));
    const second = limitMarks(first.marks, wanted('c'), { ...limit, nowMs: 999 });
    expect(second.allowed).toEqual([]);
    expect(limitMarks(second.marks, wanted('c'), { ...limit, nowMs: 1_000 }).allowed).toEqual(wanted('c'));
  });

  it('lets a node through again whose command failed, without counting it twice', () => {
    const limit = { windowMs: 1_000, marksMax: 2 };
    const first = limitMarks([], wanted('a'), { ...limit, nowMs: 0 });
    const second = limitMarks(first.marks, wanted('a', 'b', 'c'), { ...limit, nowMs: 10 });
    expect(second.allowed).toEqual(wanted('a', 'b'));
    expect(second.marks).toHaveLength(2);
  });

  it('holds in every window, whatever is asked for and when', () => {
    const ids = Array.from({ length: 12 }, (_, index) => `n${index}`);
    const looks = fc.array(fc.record({ waitMs: fc.nat({ max: 700 }), ids: fc.subarray(ids) }), { maxLength: 40 });
    fc.assert(
      fc.property(looks, fc.integer({ min: 1, max: 5 }), (steps, marksMax) => {
        let nowMs = 0;
        let marks: readonly Mark[] = [];
        const through: Mark[] = [];
        for (const { waitMs, ids: asked } of steps) {
          nowMs += waitMs;
          const step = limitMarks(marks, wanted(...asked), { nowMs, windowMs: 1_000, marksMax });
          marks = step.marks;
          expect(marks.length).toBeLessThanOrEqual(marksMax);
          through.push(...step.allowed.map(({ nodeId }) => ({ nodeId, atMs: nowMs })));
        }
        for (const { atMs: endMs } of through) {
          const window = through.filter(({ atMs }) => atMs > endMs - 1_000 && atMs <= endMs);
          expect(new Set(window.map(({ nodeId }) => nodeId)).size).toBeLessThanOrEqual(marksMax);
        }
      }),
      { numRuns: 200 },
    );
  });
});
