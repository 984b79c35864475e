import type { Random } from '../../base/random.ts';
import { readClusterFile, refuseForeignFolder } from './cluster-file.ts';
import type { ClusterLocation } from './cluster-location.ts';
import { nodePaths } from './cluster-paths.ts';
import { type ClusterWish, planCluster, refuseTakenPorts } from './plan.ts';
import { loopback } from './ports.ts';
import type { SupervisorStatus } from './supervisor-status.ts';

/** What `cluster up` would start, with nothing running. Chosen ports may come out differently. */
export async function plannedStatus(wish: ClusterWish & ClusterLocation, random: Random): Promise<SupervisorStatus> {
  await refuseForeignFolder(wish.folder);
  const cluster = await planCluster(wish, await readClusterFile(wish.folder), random);
  await refuseTakenPorts(cluster.nodes);
  return statusOfFile(cluster, wish.folder);
}

/** A cluster as its file describes it, with nothing running. */
export function statusOfFile(cluster: Awaited<ReturnType<typeof planCluster>>, folder: string): SupervisorStatus {
  const coordinators = cluster.nodes.filter(({ role }) => role === 'coordinator');
  return {
    name: cluster.name,
    folder,
    supervisorPid: 0,
    coordinators: coordinators.map(({ port }) => `${loopback}:${port}`),
    processes: cluster.nodes.map(({ id, role, port, httpPort }) => ({
      id,
      role,
      pid: 0,
      state: 'exited',
      exit: null,
      address: `${loopback}:${port}`,
      httpUrl: httpPort === undefined ? '' : `http://${loopback}:${httpPort}`,
      dataDir: nodePaths(folder, id).dataDir,
      startedAtMs: 0,
    })),
  };
}
