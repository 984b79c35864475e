import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AskJudge } from '../../../../src/replication/shared-cache/ask-judge.ts';

const times = (count: number, work: () => void) => {
  for (let index = 0; index < count; index += 1) work();
};

/** How many of the next questions are asked. */
const askedOf = (judge: AskJudge, count: number) =>
  Array.from({ length: count }, () => judge.shouldAsk()).filter(Boolean).length;

describe('AskJudge', () => {
  it('asks while it knows nothing', () => {
    expect(askedOf(new AskJudge(), 100)).toBe(100);
  });

  it.each([
    { name: 'hits are quicker than computing', hit: 5, compute: 500, share: 1, asked: 320 },
    { name: 'one hit in ten pays for the misses', hit: 5, compute: 500, share: 0.1, asked: 320 },
    { name: 'computing is as quick as nothing', hit: 5, compute: 1, share: 1, asked: 10 },
    { name: 'nothing is ever found', hit: 5, compute: 20, share: 0, asked: 10 },
    { name: 'a hit takes as long as computing, and misses cost', hit: 100, compute: 100, share: 0.5, asked: 10 },
  ])('asks $asked of 320 questions when $name', ({ hit, compute, share, asked }) => {
    const judge = new AskJudge();
    for (let index = 0; index < 400; index += 1) {
      if (index % 10 < share * 10) judge.noteHit({ headMs: hit / 2, bodyMs: hit / 2, bytes: 1_000 });
      else judge.noteMiss(2);
      judge.noteComputed(compute, 1_000);
    }
    expect(askedOf(judge, 320)).toBe(asked);
  });

  it('reckons what fetching takes by the bytes of what is computed', () => {
    const judge = new AskJudge();
    times(100, () => judge.noteHit({ headMs: 1, bodyMs: 10, bytes: 1_000_000 }));
    times(100, () => judge.noteComputed(60, 4_000_000));
    expect(judge.expectedGainMs).toBeCloseTo(60 - 1 - 40, 0);
    times(200, () => judge.noteComputed(60, 10_000_000));
    expect(judge.shouldAsk()).toBe(false);
  });

  it('comes back to asking when the one question in 32 finds something', () => {
    const judge = new AskJudge();
    times(400, () => judge.noteMiss(10));
    judge.noteComputed(300, 1_000);
    expect(askedOf(judge, 31)).toBe(0);
    expect(judge.shouldAsk()).toBe(true);
    judge.noteHit({ headMs: 5, bodyMs: 0, bytes: 1_000 });
    expect(askedOf(judge, 10)).toBe(10);
  });

  const figure = fc.oneof(fc.double(), fc.integer());
  const event = fc.oneof(
    fc.record({ kind: fc.constant('miss' as const), a: figure, b: figure, c: figure }),
    fc.record({ kind: fc.constant('hit' as const), a: figure, b: figure, c: figure }),
    fc.record({ kind: fc.constant('computed' as const), a: figure, b: figure, c: figure }),
  );

  it('asks at least one question in 32, whatever figures it was given', () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 100 }), (events) => {
        const judge = new AskJudge();
        for (const { kind, a, b, c } of events) {
          if (kind === 'miss') judge.noteMiss(a);
          else if (kind === 'hit') judge.noteHit({ headMs: a, bodyMs: b, bytes: c });
          else judge.noteComputed(a, b);
        }
        expect(askedOf(judge, 32)).toBeGreaterThanOrEqual(1);
      }),
    );
  });

  it('never asks less for the same questions when computing takes longer', () => {
    const ms = fc.integer({ min: 0, max: 100_000 });
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), ms), { maxLength: 60 }), ms, ms, (asked, compute, more) => {
        const judgeOf = (computeMs: number) => {
          const judge = new AskJudge();
          for (const [isHit, took] of asked) {
            if (isHit) judge.noteHit({ headMs: took, bodyMs: 1, bytes: 1_000 });
            else judge.noteMiss(took);
          }
          judge.noteComputed(computeMs, 1_000);
          return judge;
        };
        expect(judgeOf(compute + more).expectedGainMs).toBeGreaterThanOrEqual(judgeOf(compute).expectedGainMs);
      }),
    );
  });
});
