import { describe, expect, it } from 'vitest';
import { StratumError } from '../../../../src/base/errors.ts';
import type { Consensus } from '../../../../src/consensus/consensus.ts';
import type { ArrivedHeartbeat } from '../../../../src/node/coordinator/heartbeat-table.ts';
import { PartitionKeeper } from '../../../../src/node/coordinator/partition-keeper.ts';
import type { PlanStep } from '../../../../src/topology/partition-plan.ts';
import { delegatingConsensus } from '../../consensus/delegating-consensus.ts';
import { down, intent, joined, metadataCluster, partitionOf, plainNodes } from '../../topology/planned-cluster.ts';
import { sampleCoordinator } from './sample-coordinator.ts';

/** A keeper over three metadata nodes; `settle` lets everything that waits for nothing but its turn go on. */
async function sampleKeeper(consensusOf = (consensus: Consensus) => consensus) {
  const { modules } = await sampleCoordinator([], { topology: metadataCluster(plainNodes(3)) });
  const consensus = consensusOf(modules.consensus);
  const steps: PlanStep[] = [];
  const onChange = (step: PlanStep) => void steps.push(step);
  const keeper = new PartitionKeeper({ detectorTickMs: 250 }, { ...modules, consensus, onChange });
  modules.consensus.subscribe(() => keeper.wake());
  const settle = async () => {
    for (let turn = 0; turn < 400; turn += 1) await Promise.resolve();
  };
  const run = async (ms: number) => {
    for (let passedMs = 0; passedMs < ms; passedMs += 250) {
      modules.clock.advance(250);
      await settle();
    }
  };
  const hear = (changes: Partial<ArrivedHeartbeat>) =>
    modules.heartbeats.heard({
      nodeId: 'm-1',
      generationId: 1n,
      reportedState: 'READY',
      knownVersion: 0n,
      stats: undefined,
      ...changes,
    });
  const current = () => modules.consensus.current();
  const primariesOf = (nodeId: string) => current().partitions.filter(({ primaryId }) => primaryId === nodeId);
  return { modules, keeper, settle, run, hear, current, primariesOf, steps };
}

describe('PartitionKeeper', () => {
  it('leaves alone what is as it should be', async () => {
    const { keeper, run, current, steps } = await sampleKeeper();
    const before = current();
    keeper.start();
    await run(2_000);
    expect(current()).toBe(before);
    expect(steps).toEqual([]);
    await keeper.stop();
  });

  it('fails over as soon as a node is DOWN, without waiting for a tick, and records why', async () => {
    const { modules, keeper, settle, current, primariesOf, steps } = await sampleKeeper();
    keeper.start();
    const fallen = primariesOf('m-1').length;
    for (const command of down('m-1', modules.clock.nowMs())) await modules.consensus.propose(command);
    await settle();
    expect(primariesOf('m-1')).toEqual([]);
    expect(steps).toEqual(Array.from({ length: fallen }, () => 'failover'));
    const { version } = current();
    const [last] = modules.consensus.history(version - 1n) ?? [];
    expect(last?.audit).toMatchObject({ actor: 'coordinator', reason: 'its primary m-1 is DOWN' });
    expect(modules.log.lines.filter(({ level }) => level === 'warn')).toHaveLength(fallen);
    await keeper.stop();
  });

  it('fails over at once when the last of a primary’s in-sync replicas reports that it is not heard', async () => {
    const { keeper, settle, hear, current, primariesOf } = await sampleKeeper();
    keeper.start();
    const [first] = primariesOf('m-1');
    if (first === undefined) throw new Error('m-1 has no partition');
    const silentPrimaries = [{ partition: first.id, epoch: first.epoch }];
    hear({ nodeId: 'm-2', silentPrimaries });
    await settle();
    expect(partitionOf(current(), first.id)).toEqual(first);
    hear({ nodeId: 'm-3', silentPrimaries });
    await settle();
    const after = partitionOf(current(), first.id);
    expect(after.epoch).toBe(first.epoch + 1n);
    expect(after.inSync).toEqual(first.inSync.filter((id) => id !== 'm-1'));
    // The same reports, of the epoch before, depose nobody else.
    hear({ nodeId: 'm-3', silentPrimaries });
    await settle();
    expect(partitionOf(current(), first.id)).toEqual(after);
    await keeper.stop();
  });

  it('deposes one of three nodes on reports within ten leases, and another one later', async () => {
    const { keeper, settle, run, hear, current, primariesOf } = await sampleKeeper();
    keeper.start();
    const silentOf = (nodeId: string) => primariesOf(nodeId).map(({ id, epoch }) => ({ partition: id, epoch }));
    const report = (silent: string) => {
      const silentPrimaries = silentOf(silent);
      for (const nodeId of ['m-1', 'm-2', 'm-3']) if (nodeId !== silent) hear({ nodeId, silentPrimaries });
    };
    report('m-1');
    await settle();
    expect(primariesOf('m-1')).toEqual([]);
    const version = current().version;
    const held = primariesOf('m-2').length;
    report('m-2');
    await run(5_000);
    expect(current().version).toBe(version);
    await run(5_000);
    expect(primariesOf('m-2').length).toBeLessThan(held);
    await keeper.stop();
  });

  it('takes the primaries from a node that says STOPPING, and leaves it in sync', async () => {
    const { keeper, settle, hear, current, primariesOf, steps } = await sampleKeeper();
    keeper.start();
    hear({ reportedState: 'STOPPING' });
    await settle();
    expect(primariesOf('m-1')).toEqual([]);
    expect(current().partitions.every(({ inSync }) => inSync.includes('m-1'))).toBe(true);
    expect(new Set(steps)).toEqual(new Set(['handover']));
    await keeper.stop();
  });

  it('empties a node that is drained of its primaries, and then of its replicas', async () => {
    const { modules, keeper, settle, run, current, primariesOf } = await sampleKeeper();
    keeper.start();
    await settle();
    await modules.consensus.propose(intent('m-2', 'DRAIN'));
    await settle();
    expect(primariesOf('m-2')).toEqual([]);
    expect(current().partitions.every(({ replicas }) => replicas.includes('m-2'))).toBe(true);
    await run(250);
    expect(current().partitions.flatMap(({ primaryId, replicas }) => [primaryId, ...replicas])).not.toContain('m-2');
    await keeper.stop();
  });

  it('balances primaries by ticks, a few at a time, and gives replicas to a new node at once', async () => {
    const { modules, keeper, settle, run, current, primariesOf, steps } = await sampleKeeper();
    keeper.start();
    for (const command of joined({ id: 'm-4' })) await modules.consensus.propose(command);
    await settle();
    expect(current().partitions.filter(({ replicas }) => replicas.includes('m-4')).length).toBeGreaterThan(0);
    for (const { id, epoch, primaryId, inSync, replicas } of current().partitions) {
      const members = [...new Set([...inSync, ...replicas])];
      const partition = { id, epoch, primaryId, inSync: members, replicas };
      const generations = new Map(members.map((nodeId) => [nodeId, 1n]));
      const by = { actor: primaryId, reason: 'caught up' };
      const rest = { generations, acceptDataLoss: false, raiseEpoch: false, by };
      await modules.consensus.propose({ kind: 'change-partition', atMs: 0, partition, ...rest });
    }
    await settle();
    expect(steps).not.toContain('balance');
    await run(12_000);
    expect(steps).toContain('balance');
    expect(primariesOf('m-4')).toHaveLength(2);
    await keeper.stop();
  });

  it('tells once that a primary cannot be replaced, and again when it could be in between', async () => {
    const { modules, keeper, settle, run } = await sampleKeeper();
    keeper.start();
    for (const id of ['m-1', 'm-2', 'm-3'])
      for (const command of down(id, modules.clock.nowMs())) await modules.consensus.propose(command);
    await settle();
    await run(2_000);
    const told = modules.log.lines.filter(({ message }) => message.includes('should be replaced'));
    expect(told.length).toBeGreaterThan(0);
    await run(5_000);
    expect(modules.log.lines.filter(({ message }) => message.includes('should be replaced'))).toHaveLength(told.length);
    await keeper.stop();
  });

  it('tells a failure once, tries again at each tick, and forgets it when it works', async () => {
    let isBroken = true;
    let tries = 0;
    const refused = new StratumError('NO_QUORUM', 'no majority', { what: 'consensus' });
    const { modules, keeper, run, primariesOf } = await sampleKeeper((inner) =>
      delegatingConsensus(inner, {
        propose: (command) => {
          if (!isBroken || command.kind !== 'change-partition') return inner.propose(command);
          tries += 1;
          return Promise.reject(refused);
        },
      }),
    );
    keeper.start();
    for (const command of down('m-1', modules.clock.nowMs())) await modules.consensus.propose(command);
    await run(1_000);
    expect(tries).toBeGreaterThan(3);
    expect(modules.log.lines.filter(({ message }) => message.includes('was not done'))).toHaveLength(1);
    isBroken = false;
    await run(250);
    expect(primariesOf('m-1')).toEqual([]);
    await keeper.stop();
  });

  it('stops with the leadership: nothing is proposed afterwards, not even the rest of a plan', async () => {
    const first = Promise.withResolvers<void>();
    let proposed = 0;
    const { modules, keeper, settle, run } = await sampleKeeper((inner) =>
      delegatingConsensus(inner, {
        propose: async (command) => {
          proposed += 1;
          await first.promise;
          return inner.propose(command);
        },
      }),
    );
    keeper.start();
    for (const command of down('m-1', modules.clock.nowMs())) await modules.consensus.propose(command);
    await settle();
    expect(proposed).toBe(1);
    const stopped = keeper.stop();
    first.resolve();
    await stopped;
    await run(2_000);
    expect(proposed).toBe(1);
  });
});
