import { describe, expect, it } from 'vitest';
import { StratumError } from '../../../../src/base/errors.ts';
import type { Consensus } from '../../../../src/consensus/consensus.ts';
import { type DetectorDecision, FailureWatch } from '../../../../src/node/coordinator/failure-watch.ts';
import { delegatingConsensus } from '../../consensus/delegating-consensus.ts';
import { nodeOf, register, setState } from '../../topology/sample-cluster.ts';
import { sampleCoordinator } from './sample-coordinator.ts';

const options = { detectorTickMs: 250, leaderGraceMs: 3_000, joiningTimeoutMs: 60_000 };

/** A watch over one ACTIVE node; `run` lets time pass in ticks, so that the process never seems to stand still. */
async function sampleWatch(consensusOf = (consensus: Consensus) => consensus) {
  const { modules } = await sampleCoordinator([register(), setState('object-1', 'ACTIVE')]);
  const decisions: DetectorDecision[] = [];
  const onDecision = (decision: DetectorDecision) => void decisions.push(decision);
  const watch = new FailureWatch(options, { ...modules, consensus: consensusOf(modules.consensus), onDecision });
  watch.start();
  const run = async (ms: number) => {
    for (let passedMs = 0; passedMs < ms; passedMs += 250) {
      modules.clock.advance(250);
      for (let turn = 0; turn < 100; turn += 1) await Promise.resolve();
    }
  };
  const hear = () =>
    modules.heartbeats.heard({
      nodeId: 'object-1',
      generationId: 1n,
      reportedState: 'READY',
      knownVersion: 0n,
      stats: undefined,
    });
  const state = () => nodeOf(modules.consensus.current(), 'object-1').state;
  return { modules, watch, run, hear, state, decisions };
}

describe('FailureWatch', () => {
  it('takes a silent node through SUSPECT to DOWN, counted from its last heartbeat', async () => {
    const { run, hear, state } = await sampleWatch();
    await run(2_500);
    hear();
    await run(2_750);
    expect(state()).toBe('ACTIVE');
    await run(250);
    expect(state()).toBe('SUSPECT');
    await run(2_750);
    expect(state()).toBe('SUSPECT');
    await run(250);
    expect(state()).toBe('DOWN');
  });

  it('leaves a node alone that is heard', async () => {
    const { modules, run, hear, state } = await sampleWatch();
    for (let second = 0; second < 20; second += 1) {
      hear();
      await run(1_000);
    }
    expect(state()).toBe('ACTIVE');
    expect(modules.consensus.current().version).toBe(2n);
  });

  it('remembers a suspicion, and tells each decision once', async () => {
    const { modules, run, decisions } = await sampleWatch();
    await run(3_000);
    expect(modules.heartbeats.timeouts('object-1', modules.consensus.current().settings).flapCount).toBe(1);
    expect(decisions).toEqual(['suspect']);
    await run(10_000);
    expect(decisions).toEqual(['suspect', 'down']);
  });

  it('gives a node that keeps coming back twice the time', async () => {
    const { modules, run, state } = await sampleWatch();
    for (let time = 0; time < 3; time += 1) modules.heartbeats.suspected('object-1', 1n);
    await run(5_750);
    expect(state()).toBe('ACTIVE');
    await run(250);
    expect(state()).toBe('SUSPECT');
  });

  it('tells removals, and who waits for a later look', async () => {
    const { modules, run, decisions } = await sampleWatch();
    for (let at = 0; at < 6; at += 1)
      await modules.consensus.propose(register({ id: `late-${at}`, roles: ['frontend'] }));
    await run(60_000);
    expect(decisions.filter((decision) => decision === 'remove')).toHaveLength(4);
    expect(decisions.at(-1)).toBe('remove');
    expect(decisions.filter((decision) => decision === 'deferred')).toHaveLength(2);
    await run(1_000);
    expect(decisions.filter((decision) => decision === 'remove')).toHaveLength(6);
    expect([...modules.consensus.current().nodes.keys()]).toEqual(['object-1']);
  });

  it('spares a node that is heard while the changes before it are committed', async () => {
    const pending: (() => void)[] = [];
    const { modules, run, hear, state } = await sampleWatch((consensus) =>
      delegatingConsensus(consensus, {
        propose: async (command) => {
          await new Promise<void>((resolve) => pending.push(resolve));
          return consensus.propose(command);
        },
      }),
    );
    await modules.consensus.propose(register({ id: 'a', roles: ['frontend'] }));
    await modules.consensus.propose(setState('a', 'ACTIVE'));
    await run(3_000);
    expect(pending).toHaveLength(1);
    hear();
    pending[0]?.();
    await run(250);
    expect(nodeOf(modules.consensus.current(), 'a').state).toBe('SUSPECT');
    expect(state()).toBe('ACTIVE');
    expect(pending).toHaveLength(1);
  });

  it('proposes nothing more of a look when the leadership has ended meanwhile', async () => {
    const pending: (() => void)[] = [];
    const { modules, watch, run } = await sampleWatch((consensus) =>
      delegatingConsensus(consensus, {
        propose: async (command) => {
          await new Promise<void>((resolve) => pending.push(resolve));
          return consensus.propose(command);
        },
      }),
    );
    await modules.consensus.propose(register({ id: 'a', roles: ['frontend'] }));
    await modules.consensus.propose(setState('a', 'ACTIVE'));
    await run(3_000);
    const stopped = watch.stop();
    watch.start();
    pending[0]?.();
    await stopped;
    await run(250);
    expect(pending).toHaveLength(1);
  });

  it('gives a grace period again after its own process stood still', async () => {
    const { modules, run, hear, state, decisions } = await sampleWatch();
    await run(3_000 - 250);
    hear();
    // One callback where there should have been dozens: the process was stopped.
    modules.clock.monotonicMs = shifted(modules.clock.monotonicMs, 60_000);
    await run(2_750);
    expect(state()).toBe('ACTIVE');
    expect(modules.log.lines).toContainEqual(
      expect.objectContaining({ level: 'warn', message: expect.stringContaining('stood still') }),
    );
    expect(decisions).toEqual(['stall']);
    await run(500);
    expect(state()).toBe('SUSPECT');
  });

  it('does not take a tick for late that is late by less than a heartbeat', async () => {
    const { modules, run, state } = await sampleWatch();
    modules.clock.monotonicMs = shifted(modules.clock.monotonicMs, 900);
    await run(2_250);
    expect(state()).toBe('SUSPECT');
  });

  it('tells a proposal’s failure once, and tries again with the next tick', async () => {
    let isFull = true;
    const { modules, run, state } = await sampleWatch((consensus) =>
      delegatingConsensus(consensus, {
        propose: (command) =>
          isFull
            ? Promise.reject(new StratumError('DISK_FULL', 'no room', { what: 'disk', limit: 0n }))
            : consensus.propose(command),
      }),
    );
    await run(4_000);
    expect(state()).toBe('ACTIVE');
    expect(modules.log.lines.filter(({ fields }) => fields.code === 'DISK_FULL')).toHaveLength(1);
    isFull = false;
    await run(250);
    expect(state()).toBe('SUSPECT');
  });

  it('looks no more after its stop', async () => {
    const { modules, watch, run, state } = await sampleWatch();
    await watch.stop();
    await run(10_000);
    expect(state()).toBe('ACTIVE');
    expect(modules.clock.pendingTimers()).toBe(0);
  });
});

function shifted(monotonicMs: () => number, byMs: number): () => number {
  return () => monotonicMs() + byMs;
}
