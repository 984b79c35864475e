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
  const lease = <T>(holder: string, work: () => Promise<T>, signal = new AbortController().signal) => {
    const modules = { clock, random: systemRandom, log, metadata: metadata.api };
    return withMaintenanceLease(repo, { holder, ttlMs: 60_000, metadataTimeoutMs: 5_000 }, modules, work, signal);
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

  it('is given back after a renewal that was under way at the end', async () => {
    const { lease, clock, metadata } = await sample();
    const calls: string[] = [];
    const asked = Promise.withResolvers<void>();
    const answered = Promise.withResolvers<void>();
    const leased = lease('f1', async () => {
      metadata.before = async (call) => {
        calls.push(call);
        asked.resolve();
        if (call === 'acquireMaintenance') await answered.promise;
      };
      clock.advance(20_000);
    });
    await asked.promise;
    await turns();
    expect(calls).toEqual(['acquireMaintenance']);
    answered.resolve();
    await leased;
    expect(calls).toEqual(['acquireMaintenance', 'releaseMaintenance']);
    metadata.before = () => undefined;
    expect(await lease('f2', async () => 'done')).toBe('done');
  });

  it('is not taken for who stops meanwhile', async () => {
    const { lease, metadata } = await sample();
    const stop = new AbortController();
    metadata.hang('acquireMaintenance');
    const leased = lease('f1', async () => expect.unreachable(), stop.signal);
    stop.abort(new Error('stopped'));
    await expect(leased).rejects.toThrow('stopped');
  });

  it.each(['acquireMaintenance', 'releaseMaintenance'])('lets a stop wait half a second for %s', async (call) => {
    const { lease, clock, metadata } = await sample();
    const stop = new AbortController();
    const stopped = Promise.withResolvers<void>();
    let hasEnded = false;
    const leased = lease(
      'f1',
      async () => {
        metadata.hang(call);
        clock.advance(20_000);
        await turns();
        stop.abort(new Error('stopped'));
        stopped.resolve();
        return 'done';
      },
      stop.signal,
    ).finally(() => {
      hasEnded = true;
    });
    await stopped.promise;
    await turns();
    clock.advance(499);
    await turns();
    expect(hasEnded).toBe(false);
    clock.advance(1);
    expect(await leased).toBe('done');
    expect(clock.pendingTimers()).toBe(0);
  });

  it('is still given back when the frontend stops and metadata answers', async () => {
    const { lease, clock } = await sample();
    const stop = new AbortController();
    await lease('f1', async () => stop.abort(new Error('stopped')), stop.signal);
    expect(clock.pendingTimers()).toBe(0);
    expect(await lease('f2', async () => 'done')).toBe('done');
  });
});

async function turns(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}
