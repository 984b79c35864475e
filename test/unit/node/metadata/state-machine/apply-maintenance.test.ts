import { describe, expect, it } from 'vitest';
import { id } from '../sample-requests.ts';
import { LogReplica } from './log-replica.ts';

const repo = 'team/app';
const repoId = id('r').slice(0, 32);
const hourMs = 3_600_000;

function withRepo(): LogReplica {
  const replica = new LogReplica();
  const request = { name: repo, objectFormat: 1, head: '' };
  replica.propose<'createRepo'>({ $case: 'createRepo', value: { request, repoId } });
  return replica;
}

const acquire = (replica: LogReplica, holder: string, atMs: number, ttlMs = BigInt(hourMs)) =>
  replica.propose<'acquireMaintenance'>({ $case: 'acquireMaintenance', value: { repo, repoId, holder, ttlMs } }, atMs);

describe('the lease of a repository’s maintenance', () => {
  it('is judged by the times of the log alone: a replica that reads it later has the same', () => {
    const replica = withRepo();
    expect(acquire(replica, 'f1', 1_000).granted).toBe(true);
    expect(acquire(replica, 'f2', 1_000 + hourMs - 1).granted).toBe(false);
    expect(acquire(replica, 'f2', 1_000 + hourMs).granted).toBe(true);
    const release = { repo, repoId, holder: 'f2' };
    replica.propose<'releaseMaintenance'>({ $case: 'releaseMaintenance', value: release });
    expect(acquire(replica, 'f3', 2_000).granted).toBe(true);
    expect(replica.follow().state.dump()).toEqual(replica.state.dump());
  });

  it('logs no refusal', () => {
    const replica = withRepo();
    acquire(replica, 'f1', 1_000);
    const { length } = replica.log;
    acquire(replica, 'f2', 1_001);
    expect(replica.log).toHaveLength(length);
  });

  it('does not last for ever because a primary’s clock was years ahead once', () => {
    const replica = withRepo();
    acquire(replica, 'f1', 10 * 365 * 24 * hourMs);
    expect(acquire(replica, 'f2', 1_000)).toEqual({
      granted: true,
      holder: 'f2',
      expiresAtMs: 1_000n + BigInt(hourMs),
    });
  });

  it('is never longer than an hour, whatever a log says', () => {
    expect(acquire(withRepo(), 'f1', 0, 2n ** 60n).expiresAtMs).toBe(BigInt(hourMs));
  });
});
