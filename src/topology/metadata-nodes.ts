import type { Node, ReportedState, SilentPrimary, Topology } from './topology.ts';

/** What the leader remembers of a node's latest heartbeat. */
export interface NodeReport {
  readonly generationId: bigint;
  readonly reportedState: ReportedState;
  readonly silentPrimaries: readonly SilentPrimary[];
}

/** By so many times the timeout a node may be DOWN before its replicas are placed anew: a repair of the machine costs no copies. */
const absenceTimeouts = 10;

/** The metadata nodes as whoever places partitions has to see them, at one moment. */
export class MetadataNodes {
  /** Those that keep what they have, by id: the placement counts on them, also while they are away for a while. */
  readonly holders: readonly Node[];
  /** Those of them that can take on something now, by id. */
  readonly ready: readonly Node[];
  readonly #nodes: Topology['nodes'];
  readonly #reports: ReadonlyMap<string, NodeReport>;
  readonly #holderIds: ReadonlySet<string>;
  readonly #readyIds: ReadonlySet<string>;

  /** `atMs` on the wall clock that stamps the changes of states. */
  constructor(topology: Topology, reports: ReadonlyMap<string, NodeReport>, atMs: number) {
    this.#nodes = topology.nodes;
    this.#reports = reports;
    const absenceMaxMs = topology.settings.downTimeoutMs * absenceTimeouts;
    this.holders = [...topology.nodes.values()]
      .filter(({ roles, intent, state }) => roles.includes('metadata') && intent === 'SERVE' && state !== 'JOINING')
      .filter(({ state, stateSinceMs }) => state !== 'DOWN' || atMs - stateSinceMs < absenceMaxMs)
      .sort((left, right) => (left.id < right.id ? -1 : 1));
    this.ready = this.holders.filter(({ id, state }) => state === 'ACTIVE' && !this.isStopping(id));
    this.#holderIds = new Set(this.holders.map(({ id }) => id));
    this.#readyIds = new Set(this.ready.map(({ id }) => id));
  }

  isHolder(nodeId: string): boolean {
    return this.#holderIds.has(nodeId);
  }

  isReady(nodeId: string): boolean {
    return this.#readyIds.has(nodeId);
  }

  /** The registered process has said that it ends. */
  isStopping(nodeId: string): boolean {
    return this.#reportOf(nodeId)?.reportedState === 'STOPPING';
  }

  isActive(nodeId: string): boolean {
    return this.#nodes.get(nodeId)?.state === 'ACTIVE';
  }

  isDraining(nodeId: string): boolean {
    return this.#nodes.get(nodeId)?.state === 'DRAINING';
  }

  isDown(nodeId: string): boolean {
    return (this.#nodes.get(nodeId)?.state ?? 'DOWN') === 'DOWN';
  }

  /** An operator wants the node to be empty. */
  isDrained(nodeId: string): boolean {
    return this.#nodes.get(nodeId)?.intent !== 'SERVE';
  }

  /** The registered process does not hear the primary of the partition in this epoch. */
  reportsSilent(nodeId: string, { id, epoch }: { readonly id: number; readonly epoch: bigint }): boolean {
    const silent = this.#reportOf(nodeId)?.silentPrimaries ?? [];
    return silent.some((report) => report.partition === id && report.epoch === epoch);
  }

  /** Label `zone`; nodes without one are in one zone together, as in the ring. */
  zoneOf(nodeId: string): string {
    return this.#nodes.get(nodeId)?.labels.zone ?? '';
  }

  /** For how long the node has been in its state, in milliseconds. */
  stateAgeMs(nodeId: string, atMs: number): number {
    const since = this.#nodes.get(nodeId)?.stateSinceMs;
    return since === undefined ? 0 : Math.max(0, atMs - since);
  }

  /** What another generation said counts for nothing. */
  #reportOf(nodeId: string): NodeReport | undefined {
    const report = this.#reports.get(nodeId);
    return report?.generationId === this.#nodes.get(nodeId)?.generationId ? report : undefined;
  }
}
