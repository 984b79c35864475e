import { mkdtemp, readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Journal } from '../../../src/store/journal.ts';
import { encodeFrame, frameOverheadBytes } from '../../../src/store/journal-frame.ts';
import { watchSyncs } from './watch-syncs.ts';

const segmentBytes = 256;
const names = ['journal-a', 'journal-b'] as const;
type Files = readonly [Buffer, Buffer];

async function newFolder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'stratum-journal-'));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}

/** Opens a journal; what it replayed, as text. */
async function openJournal(path: string, releasedTo = 0n) {
  const replayed: string[] = [];
  const journal = await Journal.open({ path, segmentBytes }, releasedTo, (payload) => {
    replayed.push(payload.toString('latin1'));
  });
  return { journal, replayed };
}

async function replayedOf(path: string, releasedTo = 0n): Promise<readonly string[]> {
  const { journal, replayed } = await openJournal(path, releasedTo);
  await journal.close();
  return replayed;
}

const filesOf = (path: string): Promise<Files> =>
  Promise.all([readFile(join(path, names[0])), readFile(join(path, names[1]))]);

/** A folder with these files, as a crash has left them. */
async function crashed(files: Files): Promise<string> {
  const path = await newFolder();
  await Promise.all(names.map((name, at) => writeFile(join(path, name), files[at] ?? Buffer.alloc(0))));
  return path;
}

/** A file whose first bytes are the later ones, and the rest as it was. */
function torn(before: Buffer, after: Buffer, at: number): Buffer {
  const old = Buffer.concat([before, Buffer.alloc(Math.max(0, after.length - before.length))]);
  return Buffer.concat([after.subarray(0, at), old.subarray(at)]);
}

/** The bytes of a payload say which one it is. */
const payloadOf = (number: number, length: number) =>
  Buffer.from(`${number}:`.padEnd(length, String(number % 10)), 'latin1');

async function openFilesIn(path: string): Promise<string[]> {
  const links = await Promise.all(
    (await readdir('/proc/self/fd')).map((name) => readlink(`/proc/self/fd/${name}`).catch(() => '')),
  );
  return links.filter((link) => link.startsWith(path));
}

/** Frames 1 to 3 in the first file, 4 and 5 in the other one; none released. */
async function twoSegments(): Promise<string> {
  const path = await newFolder();
  const { journal } = await openJournal(path);
  for (let number = 1; number <= 5; number += 1) await journal.append([payloadOf(number, 60)]);
  await journal.close();
  return path;
}

const frameBytes = 60 + frameOverheadBytes;

describe('Journal', () => {
  it('has after a crash at any byte of an append what was acknowledged, across turns and reopenings', async () => {
    const step = fc.record({
      length: fc.oneof({ weight: 6, arbitrary: fc.nat(120) }, fc.integer({ min: 200, max: 700 })),
      release: fc.nat(3),
      tearAt: fc.nat(999),
      reopen: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 14 }), async (steps) => {
        const path = await newFolder();
        let { journal } = await openJournal(path);
        const model: string[] = [];
        let released = 0;
        for (const { length, release, tearAt, reopen } of steps) {
          const payload = payloadOf(model.length + 1, length);
          if (journal.isFull(payload.length) || release === 0) {
            released = model.length;
            journal.release(BigInt(released));
          }
          const before = await filesOf(path);
          const half = payload.length >> 1;
          await journal.append([payload.subarray(0, half), payload.subarray(half)]);
          model.push(payload.toString('latin1'));
          const after = await filesOf(path);
          expect(await replayedOf(await crashed(after), BigInt(released))).toEqual(model.slice(released));
          // Somewhere within the frame that is written.
          const at = after.findIndex((bytes, index) => !bytes.equals(before[index] ?? bytes));
          const [old, now] = [before[at] ?? Buffer.alloc(0), after[at] ?? Buffer.alloc(0)];
          const start = now.findIndex((byte, index) => byte !== (old[index] ?? 0));
          const cut = torn(old, now, start + Math.floor(((payload.length + frameOverheadBytes) * tearAt) / 1000));
          const files: Files = at === 0 ? [cut, after[1]] : [after[0], cut];
          const left = await replayedOf(await crashed(files), BigInt(released));
          expect([model.slice(released), model.slice(released, -1)]).toContainEqual(left);
          if (!reopen) continue;
          await journal.close();
          await replayedOf(path, BigInt(released));
          const again = await openJournal(path, BigInt(released));
          expect(again.replayed).toEqual(model.slice(released));
          expect(again.journal.lastSequence).toBe(BigInt(model.length));
          journal = again.journal;
        }
        await journal.close();
      }),
      { numRuns: 15 },
    );
  });

  it('goes on behind a torn end, and replays nothing of it', async () => {
    const path = await twoSegments();
    const [first, second] = await filesOf(path);
    const damaged = Buffer.from(second);
    damaged.writeUInt8(damaged.readUInt8(frameBytes + 30) ^ 1, frameBytes + 30);
    const folder = await crashed([first, damaged]);
    const { journal, replayed } = await openJournal(folder);
    expect(replayed).toHaveLength(4);
    expect(journal.lastSequence).toBe(4n);
    await journal.append([Buffer.from('in its place')]);
    await journal.close();
    expect((await replayedOf(folder)).slice(3)).toEqual([payloadOf(4, 60).toString(), 'in its place']);
  });

  it.each([
    ['a bit of an older frame of the newest segment', 1, 30],
    ['the length of an older frame', 1, 5],
    ['the magic of an older frame', 1, 0],
    ['the first frame of all', 0, 30],
    ['the middle of the older segment', 0, frameBytes + 30],
    ['the last frame of the older segment', 0, 2 * frameBytes + 30],
  ])('is DATA_CORRUPT when %s is damaged, and leaves nothing open', async (_, file, at) => {
    const [first, second] = await filesOf(await twoSegments());
    const bytes = file === 0 ? first : second;
    bytes.writeUInt8(bytes.readUInt8(at) ^ 4, at);
    const folder = await crashed([first, second]);
    await expect(openJournal(folder)).rejects.toMatchObject({
      code: 'DATA_CORRUPT',
      message: expect.stringContaining(folder),
      hint: expect.any(String),
    });
    expect(await openFilesIn(folder)).toEqual([]);
  });

  it.each(names)('is DATA_CORRUPT when %s was removed', async (name) => {
    const path = await twoSegments();
    await rm(join(path, name));
    await expect(openJournal(path)).rejects.toMatchObject({ code: 'DATA_CORRUPT' });
  });

  it('is DATA_CORRUPT when less was released than the journal begins with', async () => {
    const path = await newFolder();
    const { journal } = await openJournal(path, 10n);
    await journal.append([Buffer.from('eleven')]);
    await journal.close();
    expect(await replayedOf(path, 10n)).toEqual(['eleven']);
    await expect(openJournal(path, 9n)).rejects.toMatchObject({ code: 'DATA_CORRUPT' });
  });

  it.each([0n, 1n, 2n, 3n, 4n, 5n, 6n])('replays what is behind %d, and goes on from there', async (releasedTo) => {
    const path = await twoSegments();
    const { journal, replayed } = await openJournal(path, releasedTo);
    const all = [1, 2, 3, 4, 5].map((number) => payloadOf(number, 60).toString());
    expect(replayed).toEqual(all.slice(Number(releasedTo)));
    if (journal.isFull(5)) journal.release(5n);
    await journal.append([Buffer.from('after')]);
    expect(journal.lastSequence).toBe(releasedTo > 5n ? 7n : 6n);
    await journal.close();
    expect((await replayedOf(path, releasedTo)).at(-1)).toBe('after');
  });

  it('starts anew where its files were removed after all was released', async () => {
    const path = await twoSegments();
    await Promise.all(names.map((name) => rm(join(path, name))));
    const { journal, replayed } = await openJournal(path, 5n);
    expect(replayed).toEqual([]);
    await journal.append([Buffer.from('six')]);
    await journal.close();
    expect(await replayedOf(path, 5n)).toEqual(['six']);
  });

  it('is made by a start after one that a crash has ended', async () => {
    expect(await replayedOf(await crashed([Buffer.alloc(10), Buffer.alloc(0)]))).toEqual([]);
  });

  it('does not use a segment again before all of it is released', async () => {
    const path = await twoSegments();
    const { journal } = await openJournal(path);
    expect([journal.isFull(60), journal.isFull(200)]).toEqual([false, true]);
    await expect(journal.append([Buffer.alloc(200)])).rejects.toMatchObject({ code: 'INTERNAL' });
    journal.release(2n);
    expect(journal.isFull(200)).toBe(true);
    journal.release(3n);
    expect(journal.isFull(200)).toBe(false);
    await journal.append([payloadOf(6, 200)]);
    await journal.close();
    expect(await replayedOf(path, 3n)).toEqual(
      [4, 5].map((number) => payloadOf(number, 60).toString()).concat(payloadOf(6, 200).toString()),
    );
  });

  it.each([
    ['a shorter one', 5],
    ['one of the same size', 50],
    ['one that needs the other segment', 150],
    ['one that is larger than a segment', 900],
  ])('leaves nothing of an append that failed when %s succeeds', async (_, length) => {
    const path = await newFolder();
    const { journal } = await openJournal(path);
    await journal.append([payloadOf(1, 60)]);
    await journal.append([payloadOf(2, 60)]);
    const syncs = await watchSyncs(path);
    try {
      syncs.fail(Object.assign(new Error('EIO: i/o error, fdatasync'), { code: 'EIO' }));
      await expect(journal.append([payloadOf(3, 50)])).rejects.toMatchObject({ code: 'EIO' });
      await expect(journal.append([payloadOf(3, length)])).rejects.toMatchObject({ code: 'EIO' });
      expect(journal.lastSequence).toBe(2n);
    } finally {
      syncs.end();
    }
    await journal.append([payloadOf(4, length)]);
    journal.release(2n);
    await journal.append([Buffer.from('next')]);
    await journal.close();
    expect(await replayedOf(path, 2n)).toEqual([payloadOf(4, length).toString(), 'next']);
  });

  it('syncs once for all payloads of an append, and not without one', async () => {
    const path = await newFolder();
    const { journal } = await openJournal(path);
    const syncs = await watchSyncs(path);
    try {
      await journal.append([Buffer.from('one'), Buffer.from('two')]);
      expect(syncs.paths).toEqual([join(path, names[0])]);
    } finally {
      syncs.end();
      await journal.close();
    }
    expect(await replayedOf(path)).toEqual(['onetwo']);
    expect(await openFilesIn(path)).toEqual([]);
  });

  it('is not misled by whole frames of an earlier use behind its last one', async () => {
    const path = await newFolder();
    const { journal } = await openJournal(path);
    for (let number = 1; number <= 3; number += 1) await journal.append([payloadOf(number, 60)]);
    journal.release(3n);
    for (let number = 4; number <= 6; number += 1) await journal.append([payloadOf(number, 60)]);
    journal.release(6n);
    // Of the same size as the first one: what stands behind it is whole.
    await journal.append([payloadOf(7, 60)]);
    await journal.close();
    const [first] = await filesOf(path);
    expect(first.subarray(frameBytes, 2 * frameBytes)).toEqual(encodeFrame(2n, [payloadOf(2, 60)]));
    expect(await replayedOf(path, 3n)).toEqual([4, 5, 6, 7].map((number) => payloadOf(number, 60).toString()));
    expect(await replayedOf(path, 6n)).toEqual([payloadOf(7, 60).toString()]);
  });
});
