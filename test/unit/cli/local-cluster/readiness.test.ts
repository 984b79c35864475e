import { describe, expect, it } from 'vitest';
import { missingFrom } from '../../../../src/cli/local-cluster/readiness.ts';
import type { NodeState, Topology } from '../../../../src/topology/topology.ts';
import { sampleNode, sampleTopology } from '../sample-topology.ts';

const topology = sampleTopology();
const processes = [...topology.nodes.values()].map(({ id, roles }) => ({
  id,
  role: roles[0] ?? ('object' as const),
  pid: 1,
  state: 'running' as const,
  exit: null,
  address: '127.0.0.1:1',
  httpUrl: '',
  dataDir: '/d',
  startedAtMs: 1_700_000_000_000,
}));

function withNode(id: string, changes: Parameters<typeof sampleNode>[2]): Topology {
  const nodes = new Map(topology.nodes);
  nodes.set(id, sampleNode(id, 'object', changes));
  return { ...topology, nodes };
}

describe('what a starting cluster lacks', () => {
  const states = (state: NodeState) => withNode('object-1', { state });
  const gone = { ...topology, nodes: new Map([...topology.nodes].filter(([id]) => id !== 'metadata-1')) };
  const noPrimary = { id: 0, epoch: 0n, primaryId: '', inSync: [], replicas: [] };
  const cases: readonly [string, Topology, string | undefined][] = [
    ['nothing', topology, undefined],
    ['a registration', gone, 'metadata-1 has not registered'],
    [
      'a registration of this run',
      withNode('object-1', { generationId: 1_699_999_999_999n }),
      'object-1 has not registered again',
    ],
    ['a node that is ready', states('JOINING'), 'object-1 is JOINING'],
    ['a node that is heard', states('SUSPECT'), 'object-1 is SUSPECT'],
    ['a ring', { ...topology, ring: { ...topology.ring, epoch: 0n } }, 'the ring is not formed'],
    ['partitions', { ...topology, partitions: [] }, 'partitions have no primary'],
    ['a primary', { ...topology, partitions: [noPrimary] }, 'partitions have no primary'],
  ];
  it.each(cases)('is said: %s', (_what, seen, text) => {
    expect(missingFrom(seen, processes)).toBe(text);
  });
});
