import { describe, expect, it } from 'vitest';
import { StratumError } from '../../../../src/base/errors.ts';
import type { Consensus, Leadership } from '../../../../src/consensus/consensus.ts';
import { exposeCoordinator } from '../../../../src/node/coordinator/coordinator-gauges.ts';
import { delegatingConsensus } from '../../consensus/delegating-consensus.ts';
import { register, setState } from '../../topology/sample-cluster.ts';
import { sampleCoordinator } from './sample-coordinator.ts';

async function sample(own: Partial<Consensus> = {}) {
  const commands = [
    register({ id: 'a', roles: ['object', 'metadata'] }),
    register({ id: 'b' }),
    register({ id: 'c', roles: ['frontend'] }),
    setState('c', 'ACTIVE'),
  ];
  const { modules } = await sampleCoordinator(commands);
  const { metrics, limits } = modules;
  exposeCoordinator(metrics, { consensus: delegatingConsensus(modules.consensus, own), limits });
  const lines = async () => (await metrics.render()).split('\n').filter((line) => !line.startsWith('#'));
  return { lines, limits };
}

describe('the gauges of a coordinator', () => {
  it('tell what it has when somebody looks', async () => {
    const { lines, limits } = await sample();
    const close = limits.openWatch('10.0.0.1');
    expect(await lines()).toEqual(
      expect.arrayContaining([
        'stratum_topology_version 4',
        'stratum_nodes{role="object",state="JOINING"} 2',
        'stratum_nodes{role="metadata",state="JOINING"} 1',
        'stratum_nodes{role="frontend",state="ACTIVE"} 1',
        'stratum_is_leader 1',
        'stratum_term 1',
        'stratum_watches 1',
      ]),
    );
    close();
    expect(await lines()).toContain('stratum_watches 0');
  });

  it('say nothing of a topology that this coordinator has not read yet', async () => {
    const { lines } = await sample({
      current: () => {
        throw new StratumError('NOT_READY', 'not yet', { what: 'the store' });
      },
    });
    const text = (await lines()).join('\n');
    expect(text).not.toContain('stratum_topology_version');
    expect(text).not.toContain('stratum_nodes');
    expect(text).toContain('stratum_is_leader');
  });

  it('count changes of leader, and not a leader that was lost and found again in its term', async () => {
    let tell: (leadership: Leadership) => void = () => undefined;
    const { lines } = await sample({
      onLeadership: (listener) => {
        tell = listener;
        return () => undefined;
      },
    });
    const leads = (leaderId: string | undefined, term: bigint) =>
      tell({ leaderId, leaderAddress: undefined, term, isLeader: false });
    leads('a', 3n);
    leads(undefined, 3n);
    leads('a', 3n);
    leads('b', 5n);
    expect(await lines()).toContain('stratum_leadership_changes_total 2');
  });
});
