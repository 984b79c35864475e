import { stringify } from 'yaml';
import { writeFileDurably } from '../../store/durable-file.ts';
import type { ClusterFile, LocalNode } from './cluster-file.ts';
import { nodePaths } from './cluster-paths.ts';
import { loopback } from './ports.ts';

/** The contract's timings for a local cluster: failures are noticed in seconds. */
const timings = {
  heartbeatIntervalMs: 1_000,
  suspectTimeoutMs: 3_000,
  downTimeoutMs: 6_000,
  metadataLeaseMs: 1_000,
  detectorTickMs: 250,
  leaderGraceMs: 3_000,
  joiningTimeoutMs: 60_000,
  leaderLeaseMs: 3_000,
  heartbeatBatchMs: 1_000,
};

/** N of the contract. */
const replicationFactorMax = 3;

/** The configuration of one node of a local cluster, as its YAML file has it. */
export function nodeSettings(node: LocalNode, cluster: ClusterFile, folder: string): object {
  const countOf = (role: string) => cluster.nodes.filter((each) => each.role === role).length;
  const coordinators = cluster.nodes.filter(({ role }) => role === 'coordinator');
  return {
    nodeId: node.id,
    roles: [node.role],
    dataDir: nodePaths(folder, node.id).dataDir,
    listen: `${loopback}:${node.port}`,
    ...(node.httpPort === undefined ? {} : { httpListen: `${loopback}:${node.httpPort}` }),
    coordinators: coordinators.map(({ port }) => `${loopback}:${port}`),
    exitWithParent: true,
    cluster: {
      replicationFactor: Math.min(replicationFactorMax, countOf('object')),
      bootstrapExpectObject: countOf('object'),
      bootstrapExpectMetadata: countOf('metadata'),
    },
    timings,
    ...etcdOf(node, cluster),
  };
}

/** Several coordinators run an etcd member each. */
function etcdOf(node: LocalNode, { nodes, etcdBinary }: ClusterFile): object {
  if (node.peerPort === undefined) return {};
  const members = nodes.filter(({ peerPort }) => peerPort !== undefined);
  const peers = Object.fromEntries(members.map(({ id, peerPort }) => [id, `${loopback}:${peerPort}`]));
  const peerListen = `${loopback}:${node.peerPort}`;
  return { etcd: { peers, peerListen, ...(etcdBinary === undefined ? {} : { binary: etcdBinary }) } };
}

/** Writes the configuration file of every node. */
export async function writeNodeFiles(cluster: ClusterFile, folder: string): Promise<void> {
  for (const node of cluster.nodes) {
    const head = '# Written by "stratum cluster up" at every start.\n';
    await writeFileDurably(
      nodePaths(folder, node.id).configFile,
      head + stringify(nodeSettings(node, cluster, folder)),
    );
  }
}
