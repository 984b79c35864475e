import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeFrame, frameAt, frameOverheadBytes, framesOf, hasLaterFrame } from '../../../src/store/journal-frame.ts';

const text = (value: string) => Buffer.from(value);
const frames = (...sequences: readonly bigint[]) =>
  Buffer.concat(sequences.map((sequence) => encodeFrame(sequence, [text(`frame ${sequence}`)])));
const sequencesOf = (bytes: Buffer) => framesOf(bytes).map(({ sequence }) => sequence);
const payload = fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes));

describe('a frame of a journal', () => {
  it('gives back what was put in, wherever it stands', () => {
    fc.assert(
      fc.property(
        fc.bigInt(0n, 2n ** 64n - 1n),
        fc.array(payload, { maxLength: 4 }),
        payload,
        (sequence, parts, before) => {
          const frame = encodeFrame(sequence, parts);
          const found = frameAt(Buffer.concat([before, frame, Buffer.alloc(9)]), before.length);
          expect(found).toEqual({ sequence, payload: Buffer.concat(parts), end: before.length + frame.length });
        },
      ),
      { numRuns: 200 },
    );
  });

  it('is none when a single bit is another', () => {
    const frame = encodeFrame(2n ** 40n, [text('refs/heads/main')]);
    for (let bit = 0; bit < frame.length * 8; bit += 1) {
      const flipped = Buffer.from(frame);
      flipped.writeUInt8(flipped.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
      expect(frameAt(flipped, 0)).toBeUndefined();
    }
  });

  it('is none when its end is missing, or is zeros or old bytes instead', () => {
    const frame = encodeFrame(7n, [text('refs/heads/main')]);
    for (let length = 0; length < frame.length; length += 1) {
      const head = frame.subarray(0, length);
      for (const fill of [0, 0xaa]) {
        expect(frameAt(Buffer.concat([head, Buffer.alloc(frame.length - length, fill)]), 0)).toBeUndefined();
      }
      expect(frameAt(head, 0)).toBeUndefined();
    }
  });

  it.each([0, 1, frameOverheadBytes])('is none in %d zeros', (length) => {
    expect(frameAt(Buffer.alloc(length), 0)).toBeUndefined();
  });
});

describe('framesOf', () => {
  it.each([
    ['nothing', Buffer.alloc(100), []],
    ['all that follow each other', frames(5n, 6n, 7n), [5n, 6n, 7n]],
    ['none behind zeros', Buffer.concat([frames(1n, 2n), Buffer.alloc(5), frames(3n)]), [1n, 2n]],
    ['none of an earlier use behind the last one', frames(9n, 10n, 2n, 3n), [9n, 10n]],
    ['none behind a gap', frames(9n, 10n, 12n), [9n, 10n]],
    ['no frame twice', frames(9n, 9n), [9n]],
  ])('finds %s', (_, bytes, expected) => {
    expect(sequencesOf(bytes)).toEqual(expected);
  });
});

describe('hasLaterFrame', () => {
  const end = frames(1n, 2n).length;

  it.each([
    ['a later one behind damage', Buffer.concat([frames(1n, 2n), Buffer.alloc(7, 0xaa), frames(4n)]), true],
    ['none when there is nothing', Buffer.concat([frames(1n, 2n), Buffer.alloc(50)]), false],
    ['none when those behind are older', Buffer.concat([frames(1n, 2n), Buffer.alloc(7), frames(1n, 2n)]), false],
    ['none when the later one is torn', Buffer.concat([frames(1n, 2n), frames(3n).subarray(0, -1)]), false],
    ['a later one behind the beginning of another', Buffer.concat([frames(1n, 2n), text('SJ1\n'), frames(3n)]), true],
  ])('finds %s', (_, bytes, expected) => {
    expect(hasLaterFrame(bytes, end, 2n)).toBe(expected);
  });
});
