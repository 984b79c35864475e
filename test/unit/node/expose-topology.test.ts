import { describe, expect, it } from 'vitest';
import { exposeTopology } from '../../../src/node/expose-topology.ts';
import { Metrics } from '../../../src/telemetry/metrics.ts';
import type { Topology } from '../../../src/topology/topology.ts';
import { emptyCluster } from '../topology/sample-cluster.ts';

async function page(topology: Topology | undefined, ageMs: number) {
  const metrics = new Metrics();
  exposeTopology(metrics, { current: () => topology, ageMs: () => ageMs });
  const text = await metrics.render();
  return text.split('\n').filter((line) => /^stratum_(known_topology_version|topology_age_seconds) /.test(line));
}

describe('exposeTopology', () => {
  it('tells the version that the process works from, and how old it is', async () => {
    expect(await page({ ...emptyCluster(), version: 7n }, 2_500)).toEqual([
      'stratum_known_topology_version 7',
      'stratum_topology_age_seconds 2.5',
    ]);
  });

  it('tells nothing of a topology that it never had', async () => {
    expect(await page(undefined, Number.POSITIVE_INFINITY)).toEqual([]);
  });
});
