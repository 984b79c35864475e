import { describe, expect, it } from 'vitest';
import { StratumError } from '../../../../../src/base/errors.ts';
import { systemRandom } from '../../../../../src/base/random.ts';
import { withMaintenanceLease } from '../../../../../src/node/frontend/maintenance/maintenance-lease.ts';
import { recordingLog } from '../../../base/recording-log.ts';
import { repoOf, sampleService } from '../../metadata/sample-service.ts';
import { SampleMetadata } from './sample-maintenance.ts';

async function sample() {
  const { calls, clock, newRepo } = sampleService();
  const repo = repoOf({ repo: await newRepo() });
  const metadata = new SampleMetadata(calls);
  const log = recordingLog();
  const lease = <T>(holder: string, work: () => Promise<T>) => {
    const modules = { clock, random: systemRandom, log, metadata: metadata.api };
    return withMaintenanceLease(repo, { holder, ttlMs: 60_000, metadataTimeoutMs: 5_000 }, modules, work);
  };
  return { clock, metadata, log, lease };
}

describe('the lease of a maintenance', () => {
  it('lets one work at a time, and names the other', async () => {
    const { lease } = await sample();
    await lease('f1', async () => {
      const second = lease('f2', async () => expect.unreachable());
      await expect(second).rejects.toMatchObject({
        code: 'VERSION_CONFLICT',
        message: expect.stringContaining('f1/'),
      });
      // Another run of the same node is another holder.
      await expect(lease('f1', async () => undefined)).rejects.toMatchObject({ code: 'VERSION_CONFLICT' });
    });
    expect(await lease('f2', async () => 'done')).toBe('done');
  });

  it('is given back when the work fails, with the failure of the work', async () => {
    const { lease } = await sample();
    const failing = lease('f1', async () => {
      throw new Error('no room');
    });
    await expect(failing).rejects.toThrow('no room');
    expect(await lease('f2', async () => 'done')).toBe('done');
  });

  it('is renewed as long as the work goes on, and not afterwards', async () => {
    const { lease, clock } = await sample();
    await lease('f1', async () => {
      for (let at = 0; at < 10; at += 1) {
        clock.advance(20_000);
        await new Promise((resolve) => setImmediate(resolve));
      }
      await expect(lease('f2', async () => undefined)).rejects.toMatchObject({ code: 'VERSION_CONFLICT' });
    });
    expect(clock.pendingTimers()).toBe(0);
  });

  it('does not end the work when it cannot be renewed or given back', async () => {
    const { lease, clock, metadata, log } = await sample();
    const answer = await lease('f1', async () => {
      metadata.before = () => {
        throw new StratumError('UNREACHABLE', 'cut off', { endpoint: 'm1' });
      };
      clock.advance(20_000);
      await new Promise((resolve) => setImmediate(resolve));
      return 'done';
    });
    expect(answer).toBe('done');
    expect(log.lines.map(({ level }) => level)).toEqual(['warn', 'debug']);
  });
});
