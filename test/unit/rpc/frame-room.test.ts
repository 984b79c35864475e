import { describe, expect, it } from 'vitest';
import { FrameRoom } from '../../../src/rpc/frame-room.ts';

const MiB = 1024 * 1024;

describe('FrameRoom', () => {
  it('gives buffers of exactly the length that is asked for', () => {
    const room = new FrameRoom();
    expect([0, 1, 300_000, 6 * MiB].map((bytes) => room.take(bytes).length)).toEqual([0, 1, 300_000, 6 * MiB]);
  });

  it('gives nobody memory that another still has', () => {
    const room = new FrameRoom();
    const taken = [100, 100, 20_000, 20_000, 20_000].map((bytes, index) => room.take(bytes).fill(index));
    expect(taken.map((bytes, index) => bytes.every((byte) => byte === index))).toEqual(taken.map(() => true));
  });

  it('gives a buffer again that was given back, where it is large enough', () => {
    const room = new FrameRoom();
    const first = room.take(20_000);
    room.give(first);
    expect(room.take(MiB).buffer).not.toBe(first.buffer);
    expect(room.take(200_000).buffer).toBe(first.buffer);
    expect(room.take(20_000).buffer).not.toBe(first.buffer);
  });

  it('keeps a few buffers, the larger ones, and none that is very large or small', () => {
    const room = new FrameRoom();
    const given = [...Array.from({ length: 6 }, () => 20_000), MiB, MiB, 3 * MiB, 100].map((bytes) => room.take(bytes));
    for (const buffer of given) room.give(buffer);
    const old = new Set(given.map(({ buffer }) => buffer));
    const again = Array.from({ length: 10 }, () => room.take(20_000).buffer);
    const reused = again.filter((buffer) => old.has(buffer));
    expect(reused.map(({ byteLength }) => byteLength)).toEqual([262_144, 262_144, MiB, MiB]);
  });
});
