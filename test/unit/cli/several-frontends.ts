import { FakeCluster } from './fake-cluster.ts';
import { sampleNode, sampleTopology } from './sample-topology.ts';

/** A cluster in memory with so many frontends, and the repository team/app with a branch. */
export function clusterWithFrontends(count: number): FakeCluster {
  const cluster = new FakeCluster();
  const others = [...cluster.topology.nodes.values()].filter(({ roles }) => !roles.includes('frontend'));
  const frontends = Array.from({ length: count }, (_, index) => sampleNode(`frontend-${index + 1}`, 'frontend'));
  const nodes = [...others, ...frontends].map((node) => [node.id, node] as const);
  cluster.topology = sampleTopology({}, { nodes: new Map(nodes) });
  const { refs } = cluster.addRepo('team/app');
  for (const name of ['main', 'release']) {
    refs.push({ name: `refs/heads/${name}`, objectId: 'c'.repeat(40), peeledId: '' });
  }
  return cluster;
}
