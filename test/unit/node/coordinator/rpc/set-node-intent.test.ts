import { describe, expect, it } from 'vitest';
import { setNodeIntent } from '../../../../../src/node/coordinator/rpc/set-node-intent.ts';
import { formedCluster, nodeOf } from '../../../topology/sample-cluster.ts';
import { audit, badNodeIds, by, refusedAudits } from '../administration-cases.ts';
import { call, follower, otherLeader, sampleCoordinator } from '../sample-coordinator.ts';

const drain = { nodeId: 'object-1', intent: 2, expectedVersion: 0n, audit };

async function sample() {
  const { modules } = await sampleCoordinator([], { topology: formedCluster() });
  return { modules, version: modules.consensus.current().version };
}

describe('SetNodeIntent', () => {
  it('drains a node, records who and why, and says so in the log', async () => {
    const { modules, version } = await sample();
    expect(await setNodeIntent(modules)(drain, call)).toEqual({ version: version + 1n, taskId: '' });
    const node = nodeOf(modules.consensus.current(), 'object-1');
    expect(node).toMatchObject({ intent: 'DRAIN', intentAudit: { ...by, atMs: modules.clock.nowMs() } });
    expect(modules.consensus.history(version)?.[0]?.audit).toEqual({ ...by, atMs: modules.clock.nowMs() });
    expect(modules.log.lines.at(-1)).toMatchObject({ level: 'info', fields: { node: 'object-1', by } });
  });

  it('changes nothing when it is repeated, also with the version that it began with', async () => {
    const { modules, version } = await sample();
    await setNodeIntent(modules)({ ...drain, expectedVersion: version }, call);
    const lines = modules.log.lines.length;
    const again = await setNodeIntent(modules)({ ...drain, expectedVersion: version }, call);
    expect(again).toEqual({ version: version + 1n, taskId: '' });
    expect(modules.log.lines).toHaveLength(lines);
  });

  it('refuses a decision that was made on another version', async () => {
    const { modules, version } = await sample();
    await expect(setNodeIntent(modules)({ ...drain, expectedVersion: version - 1n }, call)).rejects.toMatchObject({
      code: 'VERSION_CONFLICT',
      details: { expected: String(version - 1n), current: String(version) },
    });
  });

  it.each([
    ['an unknown node', { nodeId: 'nobody' }, 'NODE_NOT_FOUND'],
    ['an intent that says nothing', { intent: 0 }, 'INVALID_ARGUMENT'],
    ['an intent of a later version', { intent: 99 }, 'INVALID_ARGUMENT'],
    ['a negative intent', { intent: -1 }, 'INVALID_ARGUMENT'],
    ...badNodeIds.map((nodeId): [string, object, string] => [
      `the id ${JSON.stringify(nodeId)}`,
      { nodeId },
      'INVALID_ARGUMENT',
    ]),
  ])('refuses %s and leaves the topology as it was', async (_, changes, code) => {
    const { modules } = await sample();
    const before = modules.consensus.current();
    await expect(setNodeIntent(modules)({ ...drain, ...changes }, call)).rejects.toMatchObject({ code });
    expect(modules.consensus.current()).toBe(before);
  });

  it.each(refusedAudits)('refuses %s', async (_, refused, field) => {
    const { modules } = await sample();
    const asked = setNodeIntent(modules)({ ...drain, audit: refused }, call);
    await expect(asked).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', details: { field } });
  });

  it('is the leader’s alone', async () => {
    const { modules } = await sample();
    const consensus = follower(modules.consensus, otherLeader);
    await expect(setNodeIntent({ ...modules, consensus })(drain, call)).rejects.toMatchObject({
      code: 'NOT_LEADER',
      details: { leaderId: otherLeader.id, leaderAddress: otherLeader.address },
    });
  });
});
