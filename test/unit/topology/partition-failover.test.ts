import { describe, expect, it } from 'vitest';
import type { NodeReport } from '../../../src/topology/metadata-nodes.ts';
import type { Partition, Topology } from '../../../src/topology/topology.ts';
import { down, intent, metadataCluster, partitionOf, plainNodes, plan } from './planned-cluster.ts';
import { applied, setState } from './sample-cluster.ts';

/** One partition, with primary m-1 and the members as given. */
function sample(inSync: readonly string[] = ['m-1', 'm-2', 'm-3'], changes: Partial<Partition> = {}): Topology {
  const topology = metadataCluster(plainNodes(3), { partitions: 1 });
  const partition = { ...partitionOf(topology, 0), epoch: 7n, primaryId: 'm-1', inSync, ...changes };
  return { ...topology, partitions: [partition] };
}

const silent = (epoch = 7n): Partial<NodeReport> => ({ silentPrimaries: [{ partition: 0, epoch }] });
const change = (topology: Topology, reports: Readonly<Record<string, Partial<NodeReport>>> = {}) =>
  plan(topology, { reports }).changes.find(({ partition }) => partition.id === 0);

describe('the primary of a partition', () => {
  it.each<[string, Topology, Readonly<Record<string, Partial<NodeReport>>>, string, readonly string[]]>([
    ['is DOWN', applied(sample(), ...down('m-1')), {}, 'failover', ['m-2', 'm-3']],
    ['is not heard by all others', sample(), { 'm-2': silent(), 'm-3': silent() }, 'failover', ['m-2', 'm-3']],
    ['stops', sample(), { 'm-1': { reportedState: 'STOPPING' } }, 'handover', ['m-1', 'm-2', 'm-3']],
    ['is drained', applied(sample(), intent('m-1', 'DRAIN')), {}, 'handover', ['m-1', 'm-2', 'm-3']],
  ])('that %s gives way', (_, topology, reports, step, inSync) => {
    const planned = change(topology, reports);
    expect(planned).toMatchObject({ step, partition: { id: 0, epoch: 7n, inSync } });
    expect(['m-2', 'm-3']).toContain(planned?.partition.primaryId);
    expect(planned?.reason).toContain('m-1');
  });

  it.each<[string, Topology, Readonly<Record<string, Partial<NodeReport>>>]>([
    ['is SUSPECT', applied(sample(), setState('m-1', 'SUSPECT')), {}],
    ['is heard by one of the others', sample(), { 'm-2': silent() }],
    ['was not heard in an epoch before', sample(), { 'm-2': silent(6n), 'm-3': silent() }],
    ['is not heard by a process that is gone', sample(), { 'm-2': { ...silent(), generationId: 0n }, 'm-3': silent() }],
    [
      'is not heard by nodes that are not ACTIVE',
      applied(sample(['m-1', 'm-2']), setState('m-2', 'SUSPECT')),
      { 'm-2': silent() },
    ],
    ['is not heard by a replica that is not in sync', sample(['m-1', 'm-2']), { 'm-3': silent() }],
    ['complains of itself', sample(['m-1', 'm-2']), { 'm-1': silent() }],
    ['is alone', sample(['m-1']), { 'm-2': silent(), 'm-3': silent() }],
    ['had an earlier process that stopped', sample(), { 'm-1': { reportedState: 'STOPPING', generationId: 0n } }],
  ])('that %s stays', (_, topology, reports) => {
    expect(change(topology, reports)?.partition.primaryId ?? 'm-1').toBe('m-1');
  });

  it('that is gone stays one of two in sync: the other one alone acknowledges nothing', () => {
    expect(change(applied(sample(['m-1', 'm-2']), ...down('m-1')))?.partition).toMatchObject({
      primaryId: 'm-2',
      inSync: ['m-1', 'm-2'],
    });
  });

  it('is never one outside the in-sync set, nor one that is not ACTIVE, drained or about to stop', () => {
    const fallen = applied(sample(['m-1', 'm-2']), ...down('m-1'), setState('m-2', 'SUSPECT'));
    expect(change(fallen)).toBeUndefined();
    expect(plan(fallen).deferred).toEqual([
      { step: 'failover', partition: 0, reason: 'its primary m-1 is DOWN; no other in-sync replica is ACTIVE' },
    ]);
    const left = applied(sample(), ...down('m-1'), intent('m-2', 'DRAIN'));
    expect(change(left)?.partition.primaryId).toBe('m-3');
    const stopping = applied(sample(), ...down('m-1'));
    expect(change(stopping, { 'm-2': { reportedState: 'STOPPING' } })?.partition.primaryId).toBe('m-3');
  });

  it('is one that is to be drained when there is nobody else', () => {
    const left = applied(sample(['m-1', 'm-2']), ...down('m-1'), intent('m-2', 'DRAIN'));
    expect(change(left)?.partition.primaryId).toBe('m-2');
  });
});

describe('reports', () => {
  const cluster = metadataCluster(plainNodes(6), { partitions: 12, metadataReplicas: 6 });
  /** Everybody hears nobody. */
  const storm = Object.fromEntries(
    plainNodes(6).map(({ id }) => [
      id,
      { silentPrimaries: cluster.partitions.map((each) => ({ partition: each.id, epoch: each.epoch })) },
    ]),
  );
  const deposedBy = (options: Parameters<typeof plan>[1]) => {
    const { changes, deposed, deferred } = plan(cluster, { reports: storm, ...options });
    const fallen = changes.filter(({ step }) => step === 'failover');
    const nodes = new Set(fallen.map(({ partition }) => partitionOf(cluster, partition.id).primaryId));
    return { nodes: [...nodes].toSorted(), deposed, deferred, fallen };
  };

  it('depose a third of the nodes at most: a stall of everything is not a failure of everyone (etcd 15247)', () => {
    const { nodes, deferred, fallen } = deposedBy({});
    expect(nodes).toEqual(['m-1', 'm-2']);
    expect(deferred).toHaveLength(8);
    // Nor do those who are not heard themselves get what the others lose.
    for (const { partition } of fallen) expect(nodes).not.toContain(partition.primaryId);
  });

  it('depose nobody else within ten leases, and go on after that', () => {
    const { deposed } = deposedBy({});
    expect(deposedBy({ deposed, nowMs: 9_999 }).nodes).toEqual(['m-1', 'm-2']);
    const healed = deposed.map(({ nodeId, atMs }) => ({ nodeId: nodeId === 'm-1' ? 'm-5' : 'm-6', atMs }));
    expect(deposedBy({ deposed: healed, nowMs: 9_999 }).nodes).toEqual(['m-5', 'm-6']);
    expect(deposedBy({ deposed: healed, nowMs: 10_000 }).nodes).toEqual(['m-1', 'm-2']);
  });
});
