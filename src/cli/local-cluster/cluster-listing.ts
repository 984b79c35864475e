import type { TopologySnapshot } from '../connection.ts';
import type { Listing, Unreachable } from '../output/envelope.ts';
import { type ClusterHealth, judgeHealth } from './cluster-health.ts';
import { exitText, type ProcessExit } from './node-process.ts';
import type { SupervisorStatus } from './supervisor-status.ts';

/** A process of a local cluster in JSON. */
export interface ProcessItem {
  readonly id: string;
  readonly role: string;
  readonly pid: number;
  readonly state: 'running' | 'exited';
  readonly exit: ProcessExit | null;
  readonly address: string;
  readonly httpUrl: string;
  /** Base URL for git; only frontends have one. */
  readonly gitUrl?: string;
  /** What the cluster believes of the node; UNKNOWN when no coordinator answers. */
  readonly nodeState: string;
  readonly dataDir: string;
}

/** A cluster as `cluster up` and `cluster status` show it. */
export interface ClusterReport {
  readonly listing: Listing<ProcessItem>;
  readonly health: ClusterHealth;
}

/** Every process with what the cluster believes of it; `missing` says why there is no topology. */
export function clusterReport(
  status: SupervisorStatus,
  snapshot: TopologySnapshot | undefined,
  missing: Unreachable | undefined,
): ClusterReport {
  const health = judgeHealth(status, snapshot?.topology);
  const items = status.processes.map(({ startedAtMs: _startedAtMs, ...each }) => ({
    ...each,
    ...(each.httpUrl === '' ? {} : { gitUrl: each.httpUrl }),
    nodeState: snapshot?.topology.nodes.get(each.id)?.state ?? 'UNKNOWN',
  }));
  const { name, folder, supervisorPid } = status;
  return {
    health,
    listing: {
      kind: 'ClusterStatus',
      source: snapshot?.source,
      items,
      rows: items,
      columns: [
        { header: 'id', value: ({ id }) => id },
        { header: 'process', value: (each) => (each.exit === null ? each.state : exitText(each.exit)) },
        { header: 'node', value: ({ nodeState }) => nodeState },
        { header: 'pid', value: ({ pid }) => (pid === 0 ? '' : pid), right: true },
        { header: 'address', value: ({ address }) => address },
        { header: 'git', value: ({ gitUrl }) => gitUrl ?? '' },
        { header: 'data', value: ({ dataDir }) => dataDir, wide: true },
      ],
      name: ({ id }) => `node/${id}`,
      unreachable: missing === undefined ? [] : [missing],
      extra: { name, dataDir: folder, supervisorPid, health: health.verdict, reasons: health.reasons },
    },
  };
}
