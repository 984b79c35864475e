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
    modules.heartbeats.suspected('b', 1n);
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

  it('tells the timeouts of a node that keeps coming back, damping included', async () => {
    const { modules } = await sampleCoordinator([register({ id: 'a' }), register({ id: 'b' })]);
    for (let time = 0; time < 3; time += 1) modules.heartbeats.suspected('b', 1n);
    const { records } = await listHeartbeats(modules)({}, call);
    expect(records).toMatchObject([
      { nodeId: 'a', flapCount: 0, suspectTimeoutMs: 3_000n, downTimeoutMs: 6_000n },
      { nodeId: 'b', flapCount: 3, suspectTimeoutMs: 6_000n, downTimeoutMs: 12_000n },
    ]);
  });

  it('is the leader’s alone', async () => {
    const { modules } = await sampleCoordinator();
    const consensus = follower(modules.consensus, otherLeader);
    await expect(listHeartbeats({ ...modules, consensus })({}, call)).rejects.toMatchObject({ code: 'NOT_LEADER' });
  });
});
