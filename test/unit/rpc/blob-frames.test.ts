import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  FrameReader,
  frameHeadBytes,
  frameKinds,
  frameOf,
  framePayloadBytesMax,
} from '../../../src/rpc/blob-frames.ts';

const { putRequest, putResponse, error } = frameKinds;
const kinds = [putRequest, error];

/** What a reader makes of bytes that come in these chunks, either way of giving them to it. */
function read(chunks: readonly Uint8Array[], intoRoom = false) {
  const frames: { readonly kind: number; readonly payload: Buffer }[] = [];
  const reader = new FrameReader({ kinds }, { onFrame: (kind, payload) => void frames.push({ kind, payload }) });
  for (const chunk of chunks) {
    if (!intoRoom) {
      reader.take(Buffer.from(chunk));
      continue;
    }
    for (let at = 0; at < chunk.length; ) {
      const room = reader.room();
      const count = Math.min(room.length, chunk.length - at);
      room.set(chunk.subarray(at, at + count));
      reader.took(room, count);
      at += count;
    }
  }
  return { frames, isInFrame: reader.isInFrame };
}

/** The bytes cut at these places. */
function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const ends = [...places.map((place) => place % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
  return ends.map((end, index) => bytes.subarray(ends[index - 1] ?? 0, end));
}

const payloads = fc.oneof(
  fc.uint8Array({ maxLength: 40 }),
  fc.integer({ min: 30_000, max: 200_000 }).map((length) => new Uint8Array(length).fill(length % 251)),
);
const sent = fc.array(fc.record({ kind: fc.constantFrom(...kinds), payload: payloads }), { maxLength: 5 });

describe('FrameReader', () => {
  it('gives each frame whole and in order, however its bytes come', () => {
    fc.assert(
      fc.property(sent, fc.array(fc.nat(), { maxLength: 6 }), fc.boolean(), (frames, places, intoRoom) => {
        const bytes = Buffer.concat(frames.map(({ kind, payload }) => frameOf(kind, payload)));
        const got = read(cut(bytes, places), intoRoom);
        expect(got.frames.map(({ kind }) => kind)).toEqual(frames.map(({ kind }) => kind));
        expect(got.frames.every(({ payload }, index) => payload.equals(frames[index]?.payload ?? payload))).toBe(true);
        expect([got.frames.length, got.isInFrame]).toEqual([frames.length, false]);
      }),
    );
  });

  it.each([true, false])('gives the largest payload, read in place: %s', (intoRoom) => {
    const payload = Buffer.alloc(framePayloadBytesMax, 'abcdefg');
    const { frames } = read([frameOf(putRequest, payload), frameOf(putRequest, Buffer.from('next'))], intoRoom);
    expect([frames[0]?.payload.equals(payload), frames[1]?.payload.toString()]).toEqual([true, 'next']);
  });

  it('keeps payloads apart, so that a part of one outlives the next', () => {
    const [first, second] = ['a', 'b'].map((letter) => Buffer.alloc(100_000, letter));
    const { frames } = read(
      [first, second].map((payload) => frameOf(putRequest, payload ?? Buffer.alloc(0))),
      true,
    );
    expect(frames.map(({ payload }) => payload[99_999])).toEqual([...Buffer.from('ab')]);
  });

  it('believes nothing of a frame of which a bit was flipped', () => {
    const frame = frameOf(putRequest, Buffer.from('a term and a ring epoch'));
    for (let bit = 0; bit < frame.length * 8; bit += 1) {
      const flipped = Buffer.from(frame);
      flipped[bit >>> 3] = (flipped[bit >>> 3] ?? 0) ^ (1 << (bit & 7));
      expect(() => read([flipped])).toThrow(expect.objectContaining({ code: 'DATA_CORRUPT' }));
    }
  });

  it.each([
    ['a kind that is the other side’s', frameOf(putResponse, Buffer.alloc(4))],
    ['a kind that there is not', frameOf(0, Buffer.alloc(4))],
    ['a payload over the bound', frameOf(putRequest, Buffer.alloc(framePayloadBytesMax + 1)).subarray(0, 13)],
    ['other bytes', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
  ])('refuses %s at its head', (_, bytes) => {
    expect(() => read([bytes.subarray(0, frameHeadBytes)])).toThrow(expect.objectContaining({ code: 'DATA_CORRUPT' }));
  });

  it('knows whether a frame has begun', () => {
    const frame = frameOf(putRequest, Buffer.from('payload'));
    expect(read([]).isInFrame).toBe(false);
    for (const end of [1, frameHeadBytes, frame.length - 1])
      expect(read([frame.subarray(0, end)]).isInFrame).toBe(true);
    expect(read([frame]).isInFrame).toBe(false);
  });
});
