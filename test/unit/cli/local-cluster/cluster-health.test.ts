import { describe, expect, it } from 'vitest';
import { judgeHealth } from '../../../../src/cli/local-cluster/cluster-health.ts';
import type { SupervisorStatus } from '../../../../src/cli/local-cluster/supervisor-status.ts';
import type { NodeState, Topology } from '../../../../src/topology/topology.ts';
import { sampleTopology } from '../sample-topology.ts';

const topology = sampleTopology();

function status(...exited: string[]): SupervisorStatus {
  return {
    name: 'local',
    folder: '/d',
    supervisorPid: 1,
    coordinators: ['127.0.0.1:1'],
    processes: [...topology.nodes.values()].map(({ id, roles }) => ({
      id,
      role: roles[0] ?? 'object',
      pid: 2,
      state: exited.includes(id) ? 'exited' : 'running',
      exit: exited.includes(id) ? { code: null, signal: 'SIGKILL' } : null,
      address: '127.0.0.1:3',
      httpUrl: '',
      dataDir: '/d',
      startedAtMs: 4,
    })),
  };
}

/** The status of a cluster with three coordinators, of which some have ended. */
function statusOfThree(...exited: string[]): SupervisorStatus {
  const one = status();
  const coordinators = ['coordinator-1', 'coordinator-2', 'coordinator-3'].map((id) => ({
    ...(one.processes.find(({ role }) => role === 'coordinator') ?? one.processes[0]!),
    id,
    state: exited.includes(id) ? ('exited' as const) : ('running' as const),
  }));
  return { ...one, processes: [...coordinators, ...one.processes.filter(({ role }) => role !== 'coordinator')] };
}

const node = topology.nodes.get('coordinator-1')!;
const ofThree = {
  ...topology,
  nodes: new Map([
    ...topology.nodes,
    ...['coordinator-2', 'coordinator-3'].map((id) => [id, { ...node, id }] as const),
  ]),
};

describe('the health of a local cluster with several coordinators', () => {
  it.each<[string[], Topology | undefined, string, RegExp]>([
    [[], ofThree, 'healthy', /^$/],
    [['coordinator-2'], ofThree, 'degraded', /^coordinator-2 does not run$/],
    [['coordinator-2'], undefined, 'unknown', /no coordinator answers/],
    [['coordinator-1', 'coordinator-3'], ofThree, 'no-quorum', /coordinator-1 does not run; coordinator-3 does/],
    [['coordinator-1', 'coordinator-2', 'coordinator-3'], undefined, 'no-quorum', /coordinator-3 does not run/],
  ])('without %j is judged by their majority', (exited, seen, verdict, reasons) => {
    const health = judgeHealth(statusOfThree(...exited), seen);
    expect(health.verdict).toBe(verdict);
    expect(health.reasons.join('; ')).toMatch(reasons);
  });
});

describe('the health of a local cluster', () => {
  const states = (changed: Record<string, NodeState>) => sampleTopology(changed);
  const unformed = sampleTopology({}, { ring: { ...topology.ring, epoch: 0n, nodes: [] } });
  const unassigned = sampleTopology({}, { partitions: [] });
  const cases: readonly [string, string[], Topology | undefined, string, RegExp][] = [
    ['all is well', [], topology, 'healthy', /^$/],
    ['one object node died just now', ['object-2'], topology, 'degraded', /object-2 does not run/],
    ['one object node hangs', [], states({ 'object-2': 'SUSPECT' }), 'degraded', /object-2 is SUSPECT/],
    ['two object nodes died', ['object-1', 'object-2'], topology, 'no-quorum', /fewer than 2 object nodes/],
    ['one died and one is DOWN', ['object-1'], states({ 'object-3': 'DOWN' }), 'no-quorum', /fewer than 2/],
    [
      'two object nodes are SUSPECT',
      [],
      states({ 'object-1': 'SUSPECT', 'object-3': 'SUSPECT' }),
      'degraded',
      /SUSPECT/,
    ],
    ['a primary died', ['metadata-1'], topology, 'no-quorum', /2 partitions have no primary/],
    ['the only frontend died', ['frontend-1'], topology, 'no-quorum', /no frontend runs/],
    ['the coordinator died', ['coordinator-1'], undefined, 'no-quorum', /coordinator-1 does not run/],
    ['the coordinator does not answer', [], undefined, 'unknown', /no coordinator answers/],
    ['the ring is not formed', [], unformed, 'no-quorum', /ring is not formed/],
    ['partitions are not assigned', [], unassigned, 'no-quorum', /not assigned/],
  ];
  it.each(cases)('when %s: %j', (_what, exited, seen, verdict, reasons) => {
    const health = judgeHealth(status(...exited), seen);
    expect(health.verdict).toBe(verdict);
    expect(health.reasons.join('; ')).toMatch(reasons);
  });
});
