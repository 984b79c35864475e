import { describe, expect, it } from 'vitest';
import { MiB } from '../../../src/base/units.ts';
import { DiskSpace, measureDisk } from '../../../src/store/disk-space.ts';
import { manualClock } from '../base/manual-clock.ts';

function spaceOn(disk: { freeBytes: number }, freeBytesMin: number) {
  const clock = manualClock();
  let measurements = 0;
  const measure = async () => {
    measurements += 1;
    return { ...disk, capacityBytes: 1_000 * MiB };
  };
  const space = new DiskSpace({ path: '/', freeBytesMin }, { clock, measureDisk: measure });
  return { space, clock, measurements: () => measurements };
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

  it('measures the real disk', async () => {
    const { freeBytes, capacityBytes } = await measureDisk('/');
    expect(capacityBytes).toBeGreaterThan(freeBytes);
    expect(freeBytes).toBeGreaterThan(0);
  });
});
