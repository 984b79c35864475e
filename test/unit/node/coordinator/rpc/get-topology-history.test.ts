import { describe, expect, it } from 'vitest';
import { getTopologyHistory } from '../../../../../src/node/coordinator/rpc/get-topology-history.ts';
import { register } from '../../../topology/sample-cluster.ts';
import { call, follower, otherLeader, sampleCoordinator } from '../sample-coordinator.ts';

const registrations = (count: number) => Array.from({ length: count }, (_, index) => register({ id: `n-${index}` }));

async function history(count: number, request: { sinceVersion: bigint; limit: number }, historyMax?: number) {
  const { modules } = await sampleCoordinator(registrations(count), historyMax === undefined ? {} : { historyMax });
  const { updates, ...rest } = await getTopologyHistory(modules)(request, call);
  return { ...rest, versions: updates.map(({ version }) => version) };
}

describe('GetTopologyHistory', () => {
  const cases: readonly [string, bigint, number, bigint[]][] = [
    ['everything to who has seen nothing', 0n, 0, [1n, 2n, 3n, 4n]],
    ['what came after a version', 2n, 0, [3n, 4n]],
    ['no more than was asked for, oldest first', 1n, 2, [2n, 3n]],
    ['nothing at the end', 4n, 0, []],
    ['nothing after a version of the future, which another coordinator may have', 9n, 0, []],
  ];
  it.each(cases)('answers %s', async (_what, sinceVersion, limit, versions) => {
    expect(await history(4, { sinceVersion, limit })).toEqual({ versions, version: 4n, keptSinceVersion: 0n });
  });

  it('begins where the history does, and says where that is', async () => {
    const kept = { version: 10n, keptSinceVersion: 7n };
    expect(await history(10, { sinceVersion: 0n, limit: 0 }, 3)).toEqual({ ...kept, versions: [8n, 9n, 10n] });
    expect(await history(10, { sinceVersion: 8n, limit: 0 }, 3)).toEqual({ ...kept, versions: [9n, 10n] });
  });

  it.each([0, 1_000_000])('never answers more than 200 updates, when %i are asked for', async (limit) => {
    expect((await history(205, { sinceVersion: 0n, limit })).versions).toHaveLength(200);
  });

  it('is answered by a coordinator that does not lead as well', async () => {
    const { modules } = await sampleCoordinator(registrations(1));
    const consensus = follower(modules.consensus, otherLeader);
    const { updates } = await getTopologyHistory({ consensus })({ sinceVersion: 0n, limit: 0 }, call);
    expect(updates).toMatchObject([{ version: 1n, reason: expect.stringContaining('n-0') }]);
  });
});
