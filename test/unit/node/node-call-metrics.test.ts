import { describe, expect, it } from 'vitest';
import { NodeCallMetrics } from '../../../src/node/node-call-metrics.ts';
import { Metrics } from '../../../src/telemetry/metrics.ts';

async function seriesOf(metrics: Metrics): Promise<readonly string[]> {
  const lines = (await metrics.render()).split('\n');
  return lines.filter((line) => line.startsWith('stratum_node_') && !line.includes('_bucket'));
}

describe('NodeCallMetrics', () => {
  it('counts blobs by node and result, and the time of each method', async () => {
    const metrics = new Metrics();
    const calls = new NodeCallMetrics({ nodeId: 'o1' }, { metrics });
    calls.answered('putMany', 250);
    calls.wrote(new Map([...Object.entries({ OK: 63, DISK_FULL: 1 })]));
    calls.read(new Map([['BLOB_NOT_FOUND', 2]]));
    expect(await seriesOf(metrics)).toEqual([
      'stratum_node_writes_total{node="o1",result="OK"} 63',
      'stratum_node_writes_total{node="o1",result="DISK_FULL"} 1',
      'stratum_node_reads_total{node="o1",result="BLOB_NOT_FOUND"} 2',
      'stratum_node_call_duration_seconds_sum{node="o1",method="putMany"} 0.25',
      'stratum_node_call_duration_seconds_count{node="o1",method="putMany"} 1',
    ]);
  });

  it('leaves nothing of a node that has left, also when calls to it end later', async () => {
    const metrics = new Metrics();
    const calls = new NodeCallMetrics({ nodeId: 'o1' }, { metrics });
    calls.wrote(new Map([['OK', 1]]));
    calls.close();
    calls.wrote(new Map([['UNREACHABLE', 1]]));
    calls.read(new Map([['UNREACHABLE', 1]]));
    calls.answered('get', 1);
    await new Promise(setImmediate);
    expect(await seriesOf(metrics)).toEqual([]);
  });
});
