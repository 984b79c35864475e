import { describe, expect, it } from 'vitest';
import { planPartitions } from '../../../../../src/node/coordinator/rpc/plan-partitions.ts';
import { down, intent, metadataCluster, plainNodes } from '../../../topology/planned-cluster.ts';
import { applied } from '../../../topology/sample-cluster.ts';
import { call, follower, otherLeader, sampleCoordinator } from '../sample-coordinator.ts';

describe('PlanPartitions', () => {
  it('shows what will be done and why, and does nothing', async () => {
    const topology = applied(metadataCluster(plainNodes(3), { partitions: 3 }), intent('m-1', 'DRAIN'));
    const { modules } = await sampleCoordinator([], { topology });
    const before = modules.consensus.current();
    const { changes, version } = await planPartitions(modules)({}, call);
    expect(version).toBe(before.version);
    const handovers = changes.filter(({ step }) => step === 'handover');
    expect(handovers).toHaveLength(before.partitions.filter(({ primaryId }) => primaryId === 'm-1').length);
    expect(handovers[0]).toMatchObject({ reason: 'its primary m-1 is drained', partition: { epoch: 1n } });
    expect(modules.consensus.current()).toBe(before);
  });

  it('shows what has to wait, and what for', async () => {
    const topology = applied(metadataCluster(plainNodes(1), { partitions: 2 }), ...down('m-1'));
    const { modules } = await sampleCoordinator([], { topology });
    const { changes, deferred } = await planPartitions(modules)({}, call);
    expect(changes).toEqual([]);
    expect(deferred).toEqual(
      [0, 1].map((partition) => {
        return { step: 'failover', partition, reason: 'its primary m-1 is DOWN; no other in-sync replica is ACTIVE' };
      }),
    );
  });

  it('is the leader’s alone', async () => {
    const { modules } = await sampleCoordinator();
    const consensus = follower(modules.consensus, otherLeader);
    await expect(planPartitions({ ...modules, consensus })({}, call)).rejects.toMatchObject({ code: 'NOT_LEADER' });
  });
});
