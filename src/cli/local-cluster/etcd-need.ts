import type { Clock } from '../../base/clock.ts';
import { refuseMissingEtcd } from '../../consensus/etcd/etcd-binary.ts';
import { packedEtcd } from '../../consensus/etcd/packed-etcd-binary.ts';
import type { ClusterFile } from './cluster-file.ts';

/**
 * Rejects, before anything is started, when the coordinators of a cluster will need an etcd program
 * that they will not find: ETCD_MISSING, or ETCD_FAILED for one that cannot be used.
 */
export async function refuseLackOfEtcd(cluster: ClusterFile, path: string | undefined, clock: Clock): Promise<void> {
  if (cluster.nodes.every(({ peerPort }) => peerPort === undefined)) return;
  const search = { setting: cluster.etcdBinary, searchPath: path ?? '' };
  await refuseMissingEtcd(search, { clock, packed: packedEtcd });
}
