import { describe, expect, it } from 'vitest';
import { setRingConfig } from '../../../../../src/node/coordinator/rpc/set-ring-config.ts';
import { formedCluster, nodeOf, register } from '../../../topology/sample-cluster.ts';
import { audit, by, refusedAudits } from '../administration-cases.ts';
import { call, follower, sampleCoordinator } from '../sample-coordinator.ts';

const request = { expectedEpoch: 0n, replicationFactor: 2, writeQuorum: 0, weights: { 'object-1': 50 }, audit };

describe('SetRingConfig', () => {
  it('changes copies and weights before the first ring, keeps what is 0, and records who and why', async () => {
    const { modules } = await sampleCoordinator([register()]);
    expect(await setRingConfig(modules)(request, call)).toEqual({ version: 2n, taskId: '' });
    const topology = modules.consensus.current();
    expect(topology.settings).toMatchObject({ replicationFactor: 2, writeQuorum: 2 });
    expect(nodeOf(topology, 'object-1').weight).toBe(50);
    expect(modules.consensus.history(1n)?.[0]?.audit).toEqual({ ...by, atMs: modules.clock.nowMs() });
    expect(modules.log.lines.at(-1)).toMatchObject({ level: 'info', fields: { version: 2n, by } });
  });

  it('changes nothing when it is repeated', async () => {
    const { modules } = await sampleCoordinator([register()]);
    await setRingConfig(modules)(request, call);
    expect(await setRingConfig(modules)(request, call)).toEqual({ version: 2n, taskId: '' });
  });

  it.each<[string, object, string]>([
    ['another epoch', { expectedEpoch: 3n }, 'VERSION_CONFLICT'],
    ['a quorum above the copies', { writeQuorum: 3 }, 'INVALID_ARGUMENT'],
    ['a weight of 0', { weights: { 'object-1': 0 } }, 'INVALID_ARGUMENT'],
    ['the weight of an unknown node', { weights: { nobody: 5 } }, 'NODE_NOT_FOUND'],
    ['the weight of an id that cannot be', { weights: { 'a b': 5 } }, 'INVALID_ARGUMENT'],
    [
      'more weights than nodes can be',
      { weights: Object.fromEntries(Array.from({ length: 10_001 }, (_, at) => [`n${at}`, 1])) },
      'INVALID_ARGUMENT',
    ],
  ])('refuses %s and leaves the topology as it was', async (_, changes, code) => {
    const { modules } = await sampleCoordinator([register()]);
    const before = modules.consensus.current();
    await expect(setRingConfig(modules)({ ...request, ...changes }, call)).rejects.toMatchObject({ code });
    expect(modules.consensus.current()).toBe(before);
  });

  it('answers UNIMPLEMENTED in the open once a ring holds data', async () => {
    const { modules } = await sampleCoordinator([], { topology: formedCluster() });
    const asked = setRingConfig(modules)({ ...request, expectedEpoch: 1n }, call);
    await expect(asked).rejects.toMatchObject({ code: 'UNIMPLEMENTED' });
  });

  it.each(refusedAudits)('refuses %s', async (_, refused, field) => {
    const { modules } = await sampleCoordinator();
    const asked = setRingConfig(modules)({ ...request, audit: refused }, call);
    await expect(asked).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', details: { field } });
  });

  it('is the leader’s alone', async () => {
    const { modules } = await sampleCoordinator();
    const consensus = follower(modules.consensus, undefined);
    await expect(setRingConfig({ ...modules, consensus })(request, call)).rejects.toMatchObject({ code: 'NO_LEADER' });
  });
});
