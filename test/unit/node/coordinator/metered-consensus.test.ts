import { describe, expect, it } from 'vitest';
import { StratumError } from '../../../../src/base/errors.ts';
import type { Consensus } from '../../../../src/consensus/consensus.ts';
import { MeteredConsensus } from '../../../../src/node/coordinator/metered-consensus.ts';
import { Metrics } from '../../../../src/telemetry/metrics.ts';
import { manualClock } from '../../base/manual-clock.ts';
import { delegatingConsensus } from '../../consensus/delegating-consensus.ts';
import { register, setState } from '../../topology/sample-cluster.ts';
import { sampleConsensus } from './sample-coordinator.ts';

async function sample(own: Partial<Consensus> = {}) {
  const clock = manualClock();
  const metrics = new Metrics();
  const inner = delegatingConsensus(await sampleConsensus(), own);
  return { inner, clock, metrics, metered: new MeteredConsensus({ inner, clock, metrics }) };
}

const batch = { atMs: 0, nodes: [{ nodeId: 'a', generationId: 1n, ageMs: 0, suspicionAgesMs: [] }] };

describe('MeteredConsensus', () => {
  it('counts proposals by what became of them', async () => {
    const { metered, metrics } = await sample();
    await metered.propose(register());
    await metered.propose(register());
    await expect(metered.propose(setState('nobody', 'DOWN'))).rejects.toMatchObject({ code: 'NODE_NOT_FOUND' });
    const text = await metrics.render();
    expect(text).toContain('stratum_proposals_total{kind="register-node",result="applied"} 1');
    expect(text).toContain('stratum_proposals_total{kind="register-node",result="unchanged"} 1');
    expect(text).toContain('stratum_proposals_total{kind="set-node-state",result="NODE_NOT_FOUND"} 1');
    expect(text).toContain('stratum_proposal_duration_seconds_count 3');
  });

  it('measures a proposal from its begin to its outcome, in seconds', async () => {
    const pending = Promise.withResolvers<never>();
    const { metered, metrics, clock } = await sample({ propose: () => pending.promise });
    const proposal = metered.propose(register());
    clock.advance(250);
    pending.reject(new StratumError('NO_QUORUM', 'gone', { what: 'etcd' }));
    await expect(proposal).rejects.toMatchObject({ code: 'NO_QUORUM' });
    expect(await metrics.render()).toContain('stratum_proposal_duration_seconds_sum 0.25');
  });

  it('counts the batches of heartbeats, and the nodes of those that were kept', async () => {
    const { metered, metrics } = await sample();
    await metered.saveHeartbeats(batch);
    await metered.stop();
    await expect(metered.saveHeartbeats(batch)).rejects.toMatchObject({ code: 'NO_LEADER' });
    const text = await metrics.render();
    expect(text).toContain('stratum_heartbeat_batch_writes_total{result="OK"} 1');
    expect(text).toContain('stratum_heartbeat_batch_writes_total{result="NO_LEADER"} 1');
    expect(text).toContain('stratum_heartbeat_batch_nodes_count 1');
  });

  it('passes everything on, with its arguments', async () => {
    const calls: unknown[] = [];
    const note =
      (name: string) =>
      (...given: unknown[]): never => {
        calls.push([name, ...given]);
        throw new Error('noted');
      };
    const signal = new AbortController().signal;
    const listener = () => undefined;
    const member = { nodeId: 'c', peerAddress: 'h:1' };
    const expected: readonly [keyof Consensus, ...unknown[]][] = [
      ['start', signal],
      ['stop'],
      ['current'],
      ['ageMs'],
      ['leadership'],
      ['confirmLeadership'],
      ['transfer', 'c'],
      ['loadHeartbeats'],
      ['addMember', member],
      ['removeMember', 'c'],
      ['history', 4n],
      ['subscribe', listener],
      ['onLeadership', listener],
      ['status'],
    ];
    const own = Object.fromEntries(expected.map(([name]) => [name, note(name)]));
    const { metered } = await sample(own);
    for (const [name, ...given] of expected) {
      const method = metered[name].bind(metered) as (...given: unknown[]) => unknown;
      expect(() => method(...given)).toThrow('noted');
    }
    expect(calls).toEqual(expected);
  });
});
