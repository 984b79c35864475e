import { describe, expect, it } from 'vitest';
import { StratumError } from '../../../../../src/base/errors.ts';
import { heartbeat } from '../../../../../src/node/coordinator/rpc/heartbeat.ts';
import type { HeartbeatRequest } from '../../../../../src/rpc/gen/stratum/v1/coordinator.ts';
import { encodeReportedState } from '../../../../../src/rpc/topology-codec.ts';
import type { NodeState, ReportedState } from '../../../../../src/topology/topology.ts';
import { delegatingConsensus } from '../../../consensus/delegating-consensus.ts';
import { sampleRequester } from '../../../topology/any-command.ts';
import { formedCluster, nodeOf, register, setState } from '../../../topology/sample-cluster.ts';
import { call, follower, otherLeader, sampleCoordinator } from '../sample-coordinator.ts';

function request(reportedState: ReportedState = 'READY', changes: Partial<HeartbeatRequest> = {}): HeartbeatRequest {
  return {
    nodeId: 'object-1',
    generationId: 1n,
    knownVersion: 0n,
    reportedState: encodeReportedState(reportedState),
    stats: undefined,
    silentPrimaries: [],
    ...changes,
  };
}

const drain = {
  kind: 'set-node-intent',
  atMs: 0,
  nodeId: 'object-1',
  intent: 'DRAIN',
  expectedVersion: undefined,
  by: sampleRequester,
} as const;

const toState: Readonly<Record<string, readonly NodeState[]>> = {
  JOINING: [],
  ACTIVE: ['ACTIVE'],
  SUSPECT: ['ACTIVE', 'SUSPECT'],
  DOWN: ['ACTIVE', 'SUSPECT', 'DOWN'],
};

async function coordinatorWith(state: string) {
  const path = toState[state] ?? [];
  return sampleCoordinator([register(), ...path.map((next) => setState('object-1', next))]);
}

describe('Heartbeat', () => {
  it.each(['JOINING', 'SUSPECT', 'DOWN'])('that says READY makes a node that is %s ACTIVE', async (state) => {
    const { modules } = await coordinatorWith(state);
    const before = modules.consensus.current().version;
    const answer = await heartbeat(modules)(request(), call);
    expect(nodeOf(modules.consensus.current(), 'object-1').state).toBe('ACTIVE');
    expect(answer.version).toBe(before + 1n);
  });

  it('that changes no state does not raise the version', async () => {
    const { modules } = await coordinatorWith('ACTIVE');
    const answer = await heartbeat(modules)(request('READY', { knownVersion: 2n }), call);
    expect(answer).toEqual({
      version: 2n,
      refreshRequired: false,
      term: 1n,
      leaderId: 'coordinator-1',
      heartbeatIntervalMs: 1_000n,
      suspectTimeoutMs: 3_000n,
      downTimeoutMs: 6_000n,
    });
  });

  it('tells a node that keeps coming back its own timeouts, damping included', async () => {
    const { modules } = await coordinatorWith('ACTIVE');
    for (let time = 0; time < 3; time += 1) modules.heartbeats.suspected('object-1', 1n);
    expect(await heartbeat(modules)(request(), call)).toMatchObject({
      heartbeatIntervalMs: 1_000n,
      suspectTimeoutMs: 6_000n,
      downTimeoutMs: 12_000n,
    });
  });

  it('of a drained node that was DOWN brings it back to its drain', async () => {
    const { modules } = await coordinatorWith('DOWN');
    await modules.consensus.propose(drain);
    await heartbeat(modules)(request(), call);
    expect(nodeOf(modules.consensus.current(), 'object-1')).toMatchObject({ state: 'DRAINING', intent: 'DRAIN' });
  });

  it('that a drain overtakes counts as heard, and leaves the drain as it is', async () => {
    const { modules } = await coordinatorWith('SUSPECT');
    const consensus = delegatingConsensus(modules.consensus, {
      propose: async (command) => {
        await modules.consensus.propose(drain);
        return modules.consensus.propose(command);
      },
    });
    modules.clock.advance(100);
    const { version } = await heartbeat({ ...modules, consensus })(request(), call);
    expect(version).toBe(modules.consensus.current().version);
    expect(nodeOf(modules.consensus.current(), 'object-1').state).toBe('DRAINING');
    expect(modules.heartbeats.ageMs('object-1')).toBe(0);
    expect(modules.log.lines).toContainEqual(
      expect.objectContaining({ fields: expect.objectContaining({ code: 'VERSION_CONFLICT' }) }),
    );
  });

  it('whose change of state cannot be committed says so', async () => {
    const { modules } = await coordinatorWith('SUSPECT');
    const refused = new StratumError('NO_QUORUM', 'no majority', { what: 'consensus' });
    const consensus = delegatingConsensus(modules.consensus, { propose: () => Promise.reject(refused) });
    await expect(heartbeat({ ...modules, consensus })(request(), call)).rejects.toBe(refused);
  });

  it('tells a node that works from an older version to refresh', async () => {
    const { modules } = await coordinatorWith('ACTIVE');
    expect((await heartbeat(modules)(request('READY', { knownVersion: 1n }), call)).refreshRequired).toBe(true);
  });

  it('that says STARTING leaves the node JOINING', async () => {
    const { modules } = await coordinatorWith('JOINING');
    await heartbeat(modules)(request('STARTING'), call);
    expect(nodeOf(modules.consensus.current(), 'object-1').state).toBe('JOINING');
  });

  it('that says STOPPING makes an ACTIVE node SUSPECT at once, and a late READY does not take it back', async () => {
    const { modules } = await coordinatorWith('ACTIVE');
    await heartbeat(modules)(request('STOPPING'), call);
    await heartbeat(modules)(request('READY'), call);
    expect(nodeOf(modules.consensus.current(), 'object-1').state).toBe('SUSPECT');
  });

  it('keeps the primaries that the node does not hear', async () => {
    const { modules } = await coordinatorWith('ACTIVE');
    const silentPrimaries = [{ partition: 3, epoch: 9n }];
    await heartbeat(modules)(request('READY', { silentPrimaries }), call);
    expect(modules.heartbeats.entries.get('object-1')?.silentPrimaries).toEqual(silentPrimaries);
  });

  it('keeps age, load and known version for people to look at', async () => {
    const { modules } = await coordinatorWith('ACTIVE');
    await heartbeat(modules)(request('READY', { knownVersion: 2n }), call);
    modules.clock.advance(400);
    expect(modules.heartbeats.ageMs('object-1')).toBe(400);
    expect(modules.heartbeats.entries.get('object-1')).toMatchObject({ knownVersion: 2n, reportedState: 'READY' });
  });

  it('leaves a ready node JOINING while it waits for the ring, and says so in the log once', async () => {
    const { modules } = await sampleCoordinator([register({ id: 'late' })], { topology: formedCluster() });
    for (let beat = 0; beat < 3; beat += 1) await heartbeat(modules)(request('READY', { nodeId: 'late' }), call);
    expect(nodeOf(modules.consensus.current(), 'late').state).toBe('JOINING');
    expect(modules.log.lines.filter(({ level }) => level === 'warn')).toMatchObject([
      { message: expect.stringContaining('until a ring change') },
    ]);
  });

  it.each(['JOINING', 'ACTIVE', 'SUSPECT'])(
    'of another generation is a zombie’s while the node is %s',
    async (state) => {
      const { modules } = await coordinatorWith(state);
      const before = modules.consensus.current();
      for (const generationId of [2n, 7n]) {
        await expect(heartbeat(modules)(request('READY', { generationId }), call)).rejects.toMatchObject({
          code: 'ZOMBIE_NODE',
          details: { nodeId: 'object-1', expectedGeneration: 1n, givenGeneration: generationId },
        });
      }
      expect(modules.consensus.current()).toBe(before);
      expect(modules.heartbeats.entries.size).toBe(0);
    },
  );

  it('of two processes under one name keeps the newer alive and refuses the older', async () => {
    const { modules } = await sampleCoordinator([register(), register({ generationId: 2n })]);
    await expect(heartbeat(modules)(request(), call)).rejects.toMatchObject({ code: 'ZOMBIE_NODE' });
    await heartbeat(modules)(request('READY', { generationId: 2n }), call);
    await expect(heartbeat(modules)(request(), call)).rejects.toMatchObject({ code: 'ZOMBIE_NODE' });
    expect(nodeOf(modules.consensus.current(), 'object-1')).toMatchObject({ state: 'ACTIVE', generationId: 2n });
  });

  it('of another generation of a node that is DOWN asks for a registration', async () => {
    const { modules } = await coordinatorWith('DOWN');
    await expect(heartbeat(modules)(request('READY', { generationId: 2n }), call)).rejects.toMatchObject({
      code: 'NODE_NOT_FOUND',
      hint: 'register the node again',
    });
    expect(nodeOf(modules.consensus.current(), 'object-1').state).toBe('DOWN');
  });

  it.each([
    ['a node that nobody knows', { nodeId: 'nobody' }, 'NODE_NOT_FOUND'],
    ['an id that cannot be', { nodeId: '' }, 'INVALID_ARGUMENT'],
    ['generation 0', { generationId: 0n }, 'INVALID_ARGUMENT'],
    ['a reported state from the future', { reportedState: 77 }, 'INVALID_ARGUMENT'],
    [
      'more silent primaries than there can be partitions',
      { silentPrimaries: Array.from({ length: 4_097 }, (_, partition) => ({ partition, epoch: 1n })) },
      'INVALID_ARGUMENT',
    ],
  ])('refuses %s', async (_, changes, code) => {
    const { modules } = await coordinatorWith('ACTIVE');
    await expect(heartbeat(modules)(request('READY', changes), call)).rejects.toMatchObject({ code });
    expect(modules.heartbeats.entries.size).toBe(0);
  });

  it('is the leader’s alone', async () => {
    const { modules } = await coordinatorWith('ACTIVE');
    const consensus = follower(modules.consensus, otherLeader);
    await expect(heartbeat({ ...modules, consensus })(request(), call)).rejects.toMatchObject({
      code: 'NOT_LEADER',
      details: { leaderId: 'coordinator-2', leaderAddress: '127.0.0.1:7481' },
    });
  });
});
