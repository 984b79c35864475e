import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hasCode, StratumError } from '../../../../../src/base/errors.ts';
import { registerNode } from '../../../../../src/node/coordinator/rpc/register-node.ts';
import { encodeRegistration } from '../../../../../src/rpc/topology-codec.ts';
import type { NodeRegistration } from '../../../../../src/topology/topology.ts';
import { metadataCluster, plainNodes } from '../../../topology/planned-cluster.ts';
import { register, sampleRegistration } from '../../../topology/sample-cluster.ts';
import { call, follower, otherLeader, sampleCoordinator } from '../sample-coordinator.ts';

const request = (changes: Partial<NodeRegistration> = {}) => ({
  node: encodeRegistration(sampleRegistration(changes)),
  afterCleanStop: true,
});

describe('RegisterNode', () => {
  it('registers a node, and a repeated call changes nothing', async () => {
    const { modules } = await sampleCoordinator();
    const first = await registerNode(modules)(request(), call);
    expect(first).toMatchObject({ alreadyRegistered: false, heartbeatIntervalMs: 1_000n });
    expect(first).toMatchObject({ clusterId: modules.consensus.current().clusterId, version: 1n });
    const second = await registerNode(modules)(request(), call);
    expect(second.alreadyRegistered).toBe(true);
    expect(second.version).toBe(1n);
    expect(modules.consensus.current().version).toBe(1n);
  });

  it('counts as a sign of life', async () => {
    const { modules } = await sampleCoordinator();
    modules.clock.advance(5_000);
    await registerNode(modules)(request(), call);
    expect(modules.heartbeats.ageMs('object-1')).toBe(0);
    modules.clock.advance(2_000);
    await registerNode(modules)(request(), call);
    expect(modules.heartbeats.ageMs('object-1')).toBe(0);
  });

  it('lets a newer process take over and refuses the older one ever after', async () => {
    const { modules } = await sampleCoordinator([register()]);
    expect((await registerNode(modules)(request({ generationId: 2n }), call)).alreadyRegistered).toBe(false);
    await expect(registerNode(modules)(request({ generationId: 1n }), call)).rejects.toSatisfy((error) =>
      hasCode(error, 'ZOMBIE_NODE'),
    );
  });

  it('of many at once gives each its own version', async () => {
    const { modules } = await sampleCoordinator();
    const calls = Array.from({ length: 20 }, (_, index) => registerNode(modules)(request({ id: `n${index}` }), call));
    const versions = (await Promise.all(calls)).map(({ version }) => version);
    expect(new Set(versions).size).toBe(20);
    expect(modules.consensus.current().version).toBe(20n);
  });

  it('is the leader’s alone', async () => {
    const { modules } = await sampleCoordinator();
    const consensus = follower(modules.consensus, otherLeader);
    await expect(registerNode({ ...modules, consensus })(request(), call)).rejects.toMatchObject({
      code: 'NOT_LEADER',
      details: { leaderAddress: '127.0.0.1:7481' },
    });
  });

  it('without proof of a clean stop takes a metadata node out of the in-sync sets', async () => {
    for (const afterCleanStop of [true, false]) {
      const { modules } = await sampleCoordinator([], { topology: metadataCluster(plainNodes(3), { partitions: 3 }) });
      const next = request({ id: 'm-1', roles: ['metadata'], generationId: 2n });
      await registerNode(modules)({ ...next, afterCleanStop }, call);
      const { partitions } = modules.consensus.current();
      expect(partitions.some(({ inSync }) => inSync.includes('m-1'))).toBe(afterCleanStop);
      expect(partitions.some(({ primaryId }) => primaryId === 'm-1')).toBe(false);
    }
  });

  it('refuses a request without a node', async () => {
    const { modules } = await sampleCoordinator();
    await expect(registerNode(modules)({ ...request(), node: undefined }, call)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      details: { field: 'node' },
    });
  });

  it('changes neither topology nor memory with whatever it refuses', async () => {
    const { modules } = await sampleCoordinator([register({ generationId: 5n })]);
    const before = modules.consensus.current();
    const text = fc.oneof(fc.constantFrom('object-1', '', 'ok'), fc.string({ maxLength: 200 }));
    const anything = fc.record({
      id: text,
      generationId: fc.bigInt({ min: 0n, max: 4n }),
      roles: fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 3 }),
      address: fc.oneof(fc.constant('127.0.0.1:1'), text),
      weight: fc.nat({ max: 20_000 }),
      diskId: text,
      labels: fc.dictionary(text, text),
    });
    await fc.assert(
      fc.asyncProperty(anything, async (changes) => {
        const version = modules.consensus.current().version;
        const known = new Map(modules.heartbeats.entries);
        try {
          await registerNode(modules)({ ...request(), node: { ...request().node, ...changes } }, call);
        } catch (error) {
          if (!(error instanceof StratumError)) throw error;
          expect(['INVALID_ARGUMENT', 'ZOMBIE_NODE', 'UNSAFE']).toContain(error.code);
          expect(modules.consensus.current().version).toBe(version);
          expect(modules.heartbeats.entries).toEqual(known);
        }
      }),
      { numRuns: 200 },
    );
    expect(modules.consensus.current().nodes.get('object-1')).toEqual(before.nodes.get('object-1'));
  });
});
