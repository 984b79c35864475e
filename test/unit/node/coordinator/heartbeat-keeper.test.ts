import { describe, expect, it } from 'vitest';
import { StratumError } from '../../../../src/base/errors.ts';
import type { Consensus } from '../../../../src/consensus/consensus.ts';
import { HeartbeatKeeper, type KeptMemory } from '../../../../src/node/coordinator/heartbeat-keeper.ts';
import type { HeartbeatBatch } from '../../../../src/topology/heartbeat-batch.ts';
import { manualClock } from '../../base/manual-clock.ts';
import { recordingLog } from '../../base/recording-log.ts';
import { delegatingConsensus } from '../../consensus/delegating-consensus.ts';
import { sampleConsensus } from './sample-coordinator.ts';

const kept: HeartbeatBatch = {
  atMs: 5,
  nodes: [{ nodeId: 'object-1', generationId: 1n, ageMs: 7, suspicionAgesMs: [9] }],
};

/** Lets everything run that waits for nothing but its turn. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
}

/** A keeper over a memory that hears what `hear` says, and a store whose answers the test gives. */
async function sampleKeeper(own: Partial<Consensus> = {}) {
  const clock = manualClock();
  const log = recordingLog();
  const saved: HeartbeatBatch[] = [];
  const entries = new Map<string, { lastSeenMs: number }>();
  const restored: { readonly batch: HeartbeatBatch; readonly nowMs: number; readonly atMs: number }[] = [];
  const memory: KeptMemory = {
    entries,
    batch: (nowMs, atMs) => ({
      atMs,
      nodes: [...entries].map(([nodeId, { lastSeenMs }]) => ({
        nodeId,
        generationId: 1n,
        ageMs: nowMs - lastSeenMs,
        suspicionAgesMs: [],
      })),
    }),
    restore: (batch, nowMs, atMs) => void restored.push({ batch, nowMs, atMs }),
  };
  const consensus = delegatingConsensus(await sampleConsensus(), {
    saveHeartbeats: async (batch) => void saved.push(batch),
    loadHeartbeats: async () => undefined,
    ...own,
  });
  const keeper = new HeartbeatKeeper({ heartbeatBatchMs: 1_000 }, { consensus, heartbeats: memory, clock, log });
  const hear = (nodeId: string) => void entries.set(nodeId, { lastSeenMs: clock.monotonicMs() });
  const run = async (ms: number) => {
    clock.advance(ms);
    await settle();
  };
  const begin = async () => {
    keeper.start();
    await settle();
  };
  return { keeper, clock, log, saved, restored, hear, run, begin };
}

describe('HeartbeatKeeper', () => {
  it('writes one batch for all nodes, at most once in its interval', async () => {
    const { saved, hear, run, begin } = await sampleKeeper();
    await begin();
    for (let step = 0; step < 20; step += 1) {
      hear('a');
      hear('b');
      await run(100);
    }
    expect(saved.map(({ nodes }) => nodes.map(({ nodeId }) => nodeId))).toEqual([
      ['a', 'b'],
      ['a', 'b'],
    ]);
  });

  it('writes nothing while nobody is heard', async () => {
    const { saved, hear, run, begin } = await sampleKeeper();
    await begin();
    await run(5_000);
    expect(saved).toEqual([]);
    hear('a');
    await run(5_000);
    expect(saved).toHaveLength(1);
  });

  it('keeps what was heard in the moment of the election', async () => {
    const { saved, hear, run, begin } = await sampleKeeper();
    await begin();
    hear('a');
    await run(1_000);
    expect(saved).toHaveLength(1);
  });

  it('never writes two batches at once, and makes up for it when the slow one is done', async () => {
    const writes: PromiseWithResolvers<void>[] = [];
    const { hear, run, begin } = await sampleKeeper({
      saveHeartbeats: () => {
        const write = Promise.withResolvers<void>();
        writes.push(write);
        return write.promise;
      },
    });
    await begin();
    hear('a');
    await run(1_000);
    hear('a');
    await run(5_000);
    expect(writes).toHaveLength(1);
    writes[0]?.resolve();
    await settle();
    await run(1_000);
    expect(writes).toHaveLength(2);
  });

  it('tells a failure once, tries again, and tells when it works again', async () => {
    let isBroken = true;
    const { log, hear, run, begin } = await sampleKeeper({
      saveHeartbeats: async () => {
        if (isBroken) throw new StratumError('NO_QUORUM', 'gone', { what: 'etcd' });
      },
    });
    await begin();
    hear('a');
    await run(3_000);
    isBroken = false;
    await run(3_000);
    expect(log.lines.map(({ level, fields }) => [level, fields.code])).toEqual([
      ['warn', 'NO_QUORUM'],
      ['info', undefined],
    ]);
  });

  it('begins with what the last leader kept, and writes nothing before', async () => {
    const load = Promise.withResolvers<HeartbeatBatch | undefined>();
    const { clock, saved, restored, hear, run, begin } = await sampleKeeper({ loadHeartbeats: () => load.promise });
    await begin();
    hear('a');
    await run(3_000);
    expect(saved).toEqual([]);
    load.resolve(kept);
    await settle();
    expect(restored).toEqual([{ batch: kept, nowMs: clock.monotonicMs(), atMs: clock.nowMs() }]);
    await run(1_000);
    expect(saved).toHaveLength(1);
  });

  it.each<[string, Partial<Consensus>, number]>([
    ['fails', { loadHeartbeats: () => Promise.reject(new StratumError('NO_QUORUM', 'gone', { what: 'etcd' })) }, 0],
    ['does not end', { loadHeartbeats: () => new Promise(() => undefined) }, 5_000],
  ])('goes on without it when the read %s, and says so', async (_, own, waitMs) => {
    const { log, saved, restored, hear, run, begin } = await sampleKeeper(own);
    await begin();
    await run(waitMs);
    expect(log.lines.map(({ level }) => level)).toEqual(['warn']);
    hear('a');
    await run(1_000);
    expect([saved.length, restored.length]).toEqual([1, 0]);
  });

  it('stops at once with the leadership, and leaves no timer', async () => {
    const { keeper, clock, saved, hear, run, begin } = await sampleKeeper();
    await begin();
    hear('a');
    void keeper.stop();
    expect(clock.pendingTimers()).toBe(0);
    await run(5_000);
    expect(saved).toEqual([]);
  });

  it('does not restore into a leadership that has ended, and is quiet about it', async () => {
    const load = Promise.withResolvers<HeartbeatBatch | undefined>();
    const { keeper, clock, log, restored, begin } = await sampleKeeper({ loadHeartbeats: () => load.promise });
    await begin();
    const stopped = keeper.stop();
    load.resolve(kept);
    await stopped;
    expect([restored, log.lines, clock.pendingTimers()]).toEqual([[], [], 0]);
  });

  it('is one keeper however often leadership comes again', async () => {
    const { clock, saved, hear, run, begin } = await sampleKeeper();
    for (let term = 0; term < 5; term += 1) await begin();
    expect(clock.pendingTimers()).toBe(1);
    hear('a');
    await run(1_000);
    expect(saved).toHaveLength(1);
  });

  it('waits at its stop for the write that is under way', async () => {
    const write = Promise.withResolvers<void>();
    const { keeper, hear, run, begin } = await sampleKeeper({ saveHeartbeats: () => write.promise });
    await begin();
    hear('a');
    await run(1_000);
    let hasStopped = false;
    const stopped = keeper.stop().then(() => {
      hasStopped = true;
    });
    await settle();
    expect(hasStopped).toBe(false);
    write.resolve();
    await stopped;
  });
});
