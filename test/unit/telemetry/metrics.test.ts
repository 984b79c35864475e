import { describe, expect, it } from 'vitest';
import { Metrics } from '../../../src/telemetry/metrics.ts';
import { type MetricRow, metricTable } from '../../../src/telemetry/metrics-table.ts';

/** The lines of one metric, without its help. */
async function linesOf(metrics: Metrics, name: string): Promise<readonly string[]> {
  const lines = (await metrics.render()).split('\n');
  return lines.filter((line) => line.startsWith(name) && !line.startsWith('#'));
}

describe('Metrics', () => {
  it('counts by labels', async () => {
    const metrics = new Metrics();
    for (const result of ['OK', 'OK', 'ZOMBIE_NODE']) metrics.increment('stratum_heartbeats_total', { result });
    expect(await linesOf(metrics, 'stratum_heartbeats_total')).toEqual([
      'stratum_heartbeats_total{result="OK"} 2',
      'stratum_heartbeats_total{result="ZOMBIE_NODE"} 1',
    ]);
  });

  it('counts several at a time', async () => {
    const metrics = new Metrics();
    metrics.increment('stratum_node_writes_total', { node: 'o1', result: 'OK' }, 64);
    metrics.increment('stratum_node_writes_total', { node: 'o1', result: 'OK' });
    expect(await linesOf(metrics, 'stratum_node_writes_total')).toEqual([
      'stratum_node_writes_total{node="o1",result="OK"} 65',
    ]);
  });

  it('reads what somebody else counts when somebody looks', async () => {
    const metrics = new Metrics();
    let hits = 3;
    metrics.total('stratum_pool_requests_total', () => [{ labels: { result: 'hit' }, value: hits }]);
    expect(await linesOf(metrics, 'stratum_pool_requests')).toEqual(['stratum_pool_requests_total{result="hit"} 3']);
    hits = 4;
    expect(await linesOf(metrics, 'stratum_pool_requests')).toEqual(['stratum_pool_requests_total{result="hit"} 4']);
  });

  it('waits for a gauge that takes a while to read', async () => {
    const metrics = new Metrics();
    metrics.gauge('stratum_store_bytes', async () => [{ labels: {}, value: 12 }]);
    expect(await linesOf(metrics, 'stratum_store_bytes')).toEqual(['stratum_store_bytes 12']);
  });

  it('forgets all series of a node that has left, and no others', async () => {
    const metrics = new Metrics();
    for (const node of ['o1', 'o2']) {
      for (const result of ['OK', 'UNREACHABLE']) metrics.increment('stratum_node_writes_total', { node, result });
      metrics.increment('stratum_node_reads_total', { node, result: 'OK' });
      for (const method of ['put', 'get']) metrics.observe('stratum_node_call_duration_seconds', { node, method }, 0.1);
    }
    metrics.increment('stratum_heartbeats_total', { result: 'OK' });
    await metrics.forgetNode('o1');
    const left = await linesOf(metrics, 'stratum_node_');
    expect(left.filter((line) => line.includes('node="o1"'))).toEqual([]);
    expect(left.filter((line) => line.includes('node="o2"') && !line.includes('_bucket'))).toHaveLength(2 + 1 + 2 * 2);
    expect(await linesOf(metrics, 'stratum_heartbeats_total')).toHaveLength(1);
  });

  it('puts observations in the buckets of the table', async () => {
    const metrics = new Metrics();
    metrics.observe('stratum_heartbeat_batch_nodes', {}, 8);
    const lines = await linesOf(metrics, 'stratum_heartbeat_batch_nodes');
    expect(lines).toContain('stratum_heartbeat_batch_nodes_bucket{le="3"} 0');
    expect(lines).toContain('stratum_heartbeat_batch_nodes_bucket{le="10"} 1');
    expect(lines).toContain('stratum_heartbeat_batch_nodes_sum 8');
  });

  it('reads gauges when somebody looks, and forgets what is no longer there', async () => {
    const metrics = new Metrics();
    let samples = [{ labels: { role: 'object', state: 'DOWN' }, value: 2 }];
    metrics.gauge('stratum_nodes', () => samples);
    expect(await linesOf(metrics, 'stratum_nodes')).toEqual(['stratum_nodes{role="object",state="DOWN"} 2']);
    samples = [{ labels: { role: 'object', state: 'ACTIVE' }, value: 3 }];
    expect(await linesOf(metrics, 'stratum_nodes')).toEqual(['stratum_nodes{role="object",state="ACTIVE"} 3']);
  });

  it('says nothing of a gauge whose value is not known, rather than 0', async () => {
    const metrics = new Metrics();
    let version: number | undefined = 7;
    metrics.gauge('stratum_topology_version', () => (version === undefined ? [] : [{ labels: {}, value: version }]));
    expect(await linesOf(metrics, 'stratum_topology_version')).toEqual(['stratum_topology_version 7']);
    version = undefined;
    expect(await linesOf(metrics, 'stratum_topology_version')).toEqual([]);
    expect(await linesOf(metrics, 'stratum_watches')).toEqual([]);
  });

  it('tells of the process only when asked to, and once', async () => {
    const metrics = new Metrics();
    expect(await linesOf(metrics, 'process_')).toEqual([]);
    metrics.addProcess();
    metrics.addProcess();
    expect(await linesOf(metrics, 'process_resident_memory_bytes')).toHaveLength(1);
    expect(await linesOf(metrics, 'nodejs_eventloop_lag_seconds')).not.toEqual([]);
  });

  it('keeps two coordinators of one process apart', async () => {
    const [one, two] = [new Metrics(), new Metrics()];
    one.increment('stratum_leadership_changes_total', {});
    expect(await linesOf(one, 'stratum_leadership_changes_total')).toEqual(['stratum_leadership_changes_total 1']);
    expect(await linesOf(two, 'stratum_leadership_changes_total')).toEqual(['stratum_leadership_changes_total 0']);
  });
});

describe('the table of metrics', () => {
  const rows = Object.entries<MetricRow>(metricTable);

  it.each(rows)('%s is named and described as Prometheus users expect', (name, { type, help, buckets }) => {
    expect(name).toMatch(/^stratum_[a-z_]+$/);
    expect(name.endsWith('_total')).toBe(type === 'counter');
    expect(buckets !== undefined).toBe(type === 'histogram');
    expect(help).toMatch(/^[A-Z0-9].*\.$/);
    expect([...(buckets ?? [])].sort((a, b) => a - b)).toEqual([...(buckets ?? [])]);
  });
});
