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
