import { describe, expect, it } from 'vitest';
import { listHeartbeats } from '../../../../../src/node/coordinator/rpc/list-heartbeats.ts';
import { NodeStats } from '../../../../../src/rpc/gen/stratum/v1/types.ts';
import { encodeReportedState } from '../../../../../src/rpc/topology-codec.ts';
import { register } from '../../../topology/sample-cluster.ts';
import { call, follower, otherLeader, sampleCoordinator } from '../sample-coordinator.ts';

describe('ListHeartbeats', () => {
  it('lists every registered node by id, heard or not', async () => {
    const { modules } = await sampleCoordinator([register({ id: 'b' }), register({ id: 'a' })]);
    const stats = NodeStats.fromPartial({ storedBytes: 7n });
    modules.clock.advance(1_000);
    modules.heartbeats.heard({ nodeId: 'b', generationId: 1n, reportedState: 'READY', knownVersion: 2n, stats });
    modules.heartbeats.suspected('b');
    modules.clock.advance(500.5);
    const { records } = await listHeartbeats(modules)({}, call);
    const timeouts = { suspectTimeoutMs: 3_000n, downTimeoutMs: 6_000n };
    expect(records).toEqual([
      {
        nodeId: 'a',
        ageMs: 1_500n,
        flapCount: 0,
        reportedState: encodeReportedState('STARTING'),
        stats: undefined,
        knownVersion: 0n,
        ...timeouts,
      },
      {
        nodeId: 'b',
        ageMs: 500n,
        flapCount: 1,
        reportedState: encodeReportedState('READY'),
        stats,
        knownVersion: 2n,
        ...timeouts,
      },
    ]);
  });

  it('is the leader’s alone', async () => {
    const { modules } = await sampleCoordinator();
    const consensus = follower(modules.consensus, otherLeader);
    await expect(listHeartbeats({ ...modules, consensus })({}, call)).rejects.toMatchObject({ code: 'NOT_LEADER' });
  });
});
