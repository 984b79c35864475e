import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EpochHistory } from '../../../../../src/node/metadata/replication/epoch-history.ts';
import { type LogPosition, logStart } from '../../../../../src/node/metadata/replication/log-record.ts';

/** The same, with a row for each entry. */
class Model {
  base: LogPosition = logStart;
  entries: LogPosition[] = [];

  get last(): LogPosition {
    return this.entries.at(-1) ?? this.base;
  }

  epochAt(index: bigint): bigint | undefined {
    return [this.base, ...this.entries].find((entry) => entry.index === index)?.epoch;
  }

  firstOfEpochAt(index: bigint): bigint | undefined {
    const epoch = this.entries.find((entry) => entry.index === index)?.epoch;
    return this.entries.find((entry) => entry.epoch === epoch)?.index;
  }
}

const step = fc.oneof(
  fc.record({ kind: fc.constant('append' as const), raise: fc.constantFrom(0n, 0n, 0n, 1n, 5n) }),
  fc.record({
    kind: fc.constantFrom('truncate' as const, 'trim' as const),
    share: fc.integer({ min: 0, max: 20 }).map((part) => part / 20),
  }),
  fc.record({ kind: fc.constant('reset' as const), index: fc.bigInt(0n, 9n), epoch: fc.bigInt(0n, 9n) }),
);

describe('EpochHistory', () => {
  it('knows the epoch of every entry as a list of them does, whatever is appended, cut off and forgotten', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const history = new EpochHistory();
        const model = new Model();
        for (const each of steps) {
          if (each.kind === 'append') {
            const entry = { index: model.last.index + 1n, epoch: model.last.epoch + each.raise };
            history.append(entry);
            model.entries.push(entry);
          } else if (each.kind === 'reset') {
            const base = { index: each.index, epoch: each.epoch };
            history.reset(base);
            model.base = base;
            model.entries = [];
          } else {
            const index = model.base.index + BigInt(Math.round(each.share * model.entries.length));
            if (each.kind === 'truncate') {
              history.truncateAfter(index);
              model.entries = model.entries.filter((entry) => entry.index <= index);
            } else {
              history.trimTo(index);
              model.base = { index, epoch: model.epochAt(index) ?? 0n };
              model.entries = model.entries.filter((entry) => entry.index > index);
            }
          }
          expect([history.base, history.last]).toEqual([model.base, model.last]);
          for (let index = model.base.index - 1n; index <= model.last.index + 1n; index += 1n) {
            expect(history.epochAt(index)).toBe(model.epochAt(index));
          }
          for (const { index } of model.entries)
            expect(history.firstOfEpochAt(index)).toBe(model.firstOfEpochAt(index));
        }
      }),
    );
  });
});
