import { describe, expect, it } from 'vitest';
import { MiB } from '../../../src/base/units.ts';
import { DiskSpace, measureDisk } from '../../../src/store/disk-space.ts';
import { manualClock } from '../base/manual-clock.ts';
import { recordingLog } from '../base/recording-log.ts';

function spaceOn(disk: { freeBytes: number }, freeBytesMin: number) {
  const clock = manualClock();
  const log = recordingLog();
  let measurements = 0;
  const measure = async () => {
    measurements += 1;
    return { ...disk, capacityBytes: 1_000 * MiB };
  };
  const space = new DiskSpace({ path: '/', freeBytesMin }, { clock, measureDisk: measure, log });
  return { space, clock, log, measurements: () => measurements };
}

describe('DiskSpace', () => {
  it('refuses what would touch the reserve, and says how much there is', async () => {
    const { space } = spaceOn({ freeBytes: 10 * MiB }, 4 * MiB);
    await space.reserve(6 * MiB);
    await expect(space.reserve(1)).rejects.toMatchObject({
      code: 'DISK_FULL',
      details: { what: 'free disk', limit: BigInt(4 * MiB), actual: BigInt(10 * MiB) },
      hint: expect.stringContaining('free some space'),
    });
  });

  it('gives back what was reserved, once', async () => {
    const { space } = spaceOn({ freeBytes: 10 * MiB }, 0);
    const release = await space.reserve(10 * MiB);
    await expect(space.reserve(1)).rejects.toMatchObject({ code: 'DISK_FULL' });
    release();
    release();
    await space.reserve(10 * MiB);
    await expect(space.reserve(1)).rejects.toMatchObject({ code: 'DISK_FULL' });
  });

  it('lets no two writes have the same room', async () => {
    const { space } = spaceOn({ freeBytes: 10 * MiB }, 0);
    const results = await Promise.allSettled(Array.from({ length: 20 }, () => space.reserve(MiB)));
    expect(results.filter(({ status }) => status === 'fulfilled').length).toBeLessThanOrEqual(10);
  });

  it('does not ask the disk for every small write', async () => {
    const { space, measurements } = spaceOn({ freeBytes: 500 * MiB }, 0);
    for (let count = 0; count < 100; count += 1) (await space.reserve(1_000))();
    expect(measurements()).toBe(1);
  });

  it('asks again after a second, and after many bytes', async () => {
    const { space, clock, measurements } = spaceOn({ freeBytes: 500 * MiB }, 0);
    (await space.reserve(1))();
    clock.advance(1_000);
    (await space.reserve(1))();
    expect(measurements()).toBe(2);
    (await space.reserve(65 * MiB))();
    expect(measurements()).toBe(3);
  });

  it('notices that the disk has room again', async () => {
    const disk = { freeBytes: 0 };
    const { space } = spaceOn(disk, MiB);
    await expect(space.reserve(1)).rejects.toMatchObject({ code: 'DISK_FULL' });
    disk.freeBytes = 2 * MiB;
    await space.reserve(1);
  });

  it('says once that writes are refused, and once that they are accepted again', async () => {
    const disk = { freeBytes: MiB };
    const { space, clock, log } = spaceOn(disk, MiB);
    for (let time = 0; time < 3; time += 1) await expect(space.reserve(5_000)).rejects.toThrow();
    disk.freeBytes = MiB + 1_000;
    (await space.reserve(1))();
    disk.freeBytes = 2 * MiB;
    for (let time = 0; time < 3; time += 1) {
      clock.advance(1_000);
      (await space.reserve(1))();
    }
    expect(log.lines.map(({ level, message }) => [level, message.split(': ')[1]])).toEqual([
      ['warn', 'writes are refused from now on'],
      ['warn', 'writes are accepted from now on'],
    ]);
  });

  it('says nothing of a blob that is larger than the disk', async () => {
    const { space, log } = spaceOn({ freeBytes: 500 * MiB }, MiB);
    await expect(space.reservePaced(2 ** 50)).rejects.toMatchObject({ code: 'DISK_FULL' });
    expect(log.lines).toEqual([]);
  });

  describe('for a large write', () => {
    it('keeps from others no more than the next step, however much is announced', async () => {
      const { space } = spaceOn({ freeBytes: 1_000 * MiB }, 0);
      const rooms = await Promise.all(Array.from({ length: 10 }, () => space.reservePaced(900 * MiB)));
      const release = await space.reserve(300 * MiB);
      release();
      await expect(space.reserve(400 * MiB)).rejects.toMatchObject({
        code: 'DISK_FULL',
        message: expect.stringContaining('640 MiB are reserved for writes under way'),
      });
      for (const room of rooms) room.release();
      await space.reserve(1_000 * MiB);
    });

    it('reserves on as the bytes come, and refuses the rest when the disk has filled up', async () => {
      const disk = { freeBytes: 1_000 * MiB };
      const { space } = spaceOn(disk, 100 * MiB);
      const room = await space.reservePaced(800 * MiB);
      const chunk = Buffer.alloc(MiB);
      async function* sent() {
        for (let count = 0; count < 800; count += 1) yield chunk;
      }
      let passed = 0;
      const receive = async () => {
        for await (const { length } of room.pace(sent())) {
          passed += length;
          disk.freeBytes -= length;
          if (passed === 200 * MiB) disk.freeBytes = 150 * MiB;
        }
      };
      await expect(receive()).rejects.toMatchObject({ code: 'DISK_FULL' });
      // At most a step on an estimate that was measured before.
      expect(passed).toBeLessThanOrEqual(320 * MiB);
      room.release();
      disk.freeBytes = 110 * MiB;
      (await space.reserve(10 * MiB))();
    });

    it('passes on all chunks, and gives them back', async () => {
      const { space } = spaceOn({ freeBytes: 1_000 * MiB }, 0);
      const room = await space.reservePaced(300 * MiB);
      const chunk = Buffer.alloc(MiB);
      const returned: Uint8Array[] = [];
      const chunks = {
        async *[Symbol.asyncIterator]() {
          for (let count = 0; count < 300; count += 1) yield chunk;
        },
        release: (each: Uint8Array) => returned.push(each),
      };
      const paced = room.pace(chunks);
      for await (const each of paced) paced.release?.(each);
      expect(returned).toHaveLength(300);
      room.release();
      await space.reserve(1_000 * MiB);
    });
  });

  it('measures the real disk', async () => {
    const { freeBytes, capacityBytes } = await measureDisk('/');
    expect(capacityBytes).toBeGreaterThan(freeBytes);
    expect(freeBytes).toBeGreaterThan(0);
  });
});
