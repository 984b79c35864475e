import { describe, expect, it } from 'vitest';
import { hasCode } from '../../../../../src/base/errors.ts';
import { deregisterNode } from '../../../../../src/node/coordinator/rpc/deregister-node.ts';
import { formedCluster, register } from '../../../topology/sample-cluster.ts';
import { call, follower, otherLeader, sampleCoordinator } from '../sample-coordinator.ts';

describe('DeregisterNode', () => {
  it('removes a node, and a repeated call is success', async () => {
    const { modules } = await sampleCoordinator([register()]);
    const request = { nodeId: 'object-1', generationId: 1n };
    expect(await deregisterNode(modules)(request, call)).toEqual({ removed: true, version: 2n });
    expect(await deregisterNode(modules)(request, call)).toEqual({ removed: false, version: 2n });
  });

  it.each([
    ['another generation', { nodeId: 'object-1', generationId: 2n }, 'ZOMBIE_NODE' as const],
    ['a ring member', { nodeId: 'object-1', generationId: 1n }, 'UNSAFE' as const],
    ['an id that cannot be', { nodeId: 'a b', generationId: 1n }, 'INVALID_ARGUMENT' as const],
  ])('refuses %s', async (_, request, code) => {
    const { modules } = await sampleCoordinator([], { topology: formedCluster() });
    await expect(deregisterNode(modules)(request, call)).rejects.toSatisfy((error) => hasCode(error, code));
    expect(modules.consensus.current()).toEqual(formedCluster());
  });

  it('is the leader’s alone', async () => {
    const { modules } = await sampleCoordinator();
    const consensus = follower(modules.consensus, otherLeader);
    const request = { nodeId: 'object-1', generationId: 1n };
    await expect(deregisterNode({ ...modules, consensus })(request, call)).rejects.toMatchObject({
      code: 'NOT_LEADER',
    });
  });
});
