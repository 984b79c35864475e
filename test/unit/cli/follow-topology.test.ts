import { describe, expect, it } from 'vitest';
import { StratumError } from '../../../src/base/errors.ts';
import { followTopology } from '../../../src/cli/follow-topology.ts';
import { type ManualClock, manualClock } from '../base/manual-clock.ts';
import { FakeCluster } from './fake-cluster.ts';
import { sampleTopology } from './sample-topology.ts';

const random = { next: () => 0, bytes: (length: number) => Buffer.alloc(length) };
const lost = () => new StratumError('UNREACHABLE', 'gone', { endpoint: 'c:1' });
const sync = () => ({ kind: 'full-sync', topology: sampleTopology() }) as const;

/** A clock whose pauses end at once, so that only the order of things is tested. */
function patientClock(): ManualClock {
  const clock = manualClock();
  const sleep = async (delayMs: number, signal?: AbortSignal) => {
    signal?.throwIfAborted();
    clock.advance(delayMs);
  };
  return { ...clock, sleep };
}

describe('following the topology', () => {
  it('goes on after a lost connection from where it was, and says so once', async () => {
    const cluster = new FakeCluster();
    cluster.watches = [[sync(), lost()], [lost()], [{ kind: 'keepalive', version: 14n }]];
    const end = new AbortController();
    const modules = { clock: patientClock(), random };
    const options = { sinceVersion: () => 14n, timeoutMs: 1_000, signal: end.signal };
    const kinds: string[] = [];
    for await (const event of followTopology(cluster, options, modules)) {
      kinds.push(event.kind);
      if (event.kind === 'keepalive') end.abort();
    }
    expect(kinds).toEqual(['full-sync', 'lost', 'keepalive']);
    expect(cluster.watchedSince).toEqual([14n, 14n, 14n]);
  });

  it('rejects when no coordinator ever answered in time', async () => {
    const cluster = new FakeCluster();
    cluster.error = lost();
    const options = { sinceVersion: () => 0n, timeoutMs: 500, signal: new AbortController().signal };
    const events = followTopology(cluster, options, { clock: patientClock(), random });
    await expect(events.next()).rejects.toMatchObject({ code: 'UNREACHABLE' });
  });

  it('rejects at once with a refusal that another try cannot mend', async () => {
    const cluster = new FakeCluster();
    const details = { field: 'since_version', reason: 'of the future' };
    cluster.watches = [[new StratumError('INVALID_ARGUMENT', 'of the future', details)]];
    const options = { sinceVersion: () => 99n, timeoutMs: 500, signal: new AbortController().signal };
    const events = followTopology(cluster, options, { clock: patientClock(), random });
    await expect(events.next()).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    expect(cluster.watchedSince).toEqual([99n]);
  });

  it('takes a coordinator that accepts and stays silent for lost', async () => {
    const cluster = new FakeCluster();
    const clock = patientClock();
    const options = { sinceVersion: () => 0n, timeoutMs: 500, signal: new AbortController().signal };
    const next = followTopology(cluster, options, { clock, random }).next();
    const failed = expect(next).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    await Promise.resolve();
    clock.advance(500);
    await failed;
  });
});
