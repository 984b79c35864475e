import type { Clock } from '../../base/clock.ts';
import type { NodeStats } from '../../rpc/gen/stratum/v1/types.ts';
import type { HeartbeatRecord } from '../../topology/failure-detector.ts';
import { type NodeTimeouts, recentSuspicions, suspicionsMax, timeoutsOf } from '../../topology/flap-damping.ts';
import type { HeartbeatBatch, KeptHeartbeat } from '../../topology/heartbeat-batch.ts';
import type { ClusterSettings, ReportedState, SilentPrimary } from '../../topology/topology.ts';

/** A batch with more nodes than this is cut when it is restored; no cluster is meant to be as large. */
const restoredNodesMax = 10_000;

/** What a node said in its last heartbeat. */
export interface HeartbeatEntry extends HeartbeatRecord {
  /** The version of the topology that the node works from. */
  readonly knownVersion: bigint;
  readonly stats: NodeStats | undefined;
  /** The primaries that the node did not hear. */
  readonly silentPrimaries: readonly SilentPrimary[];
}

/** A heartbeat as it arrives. */
export interface ArrivedHeartbeat {
  readonly nodeId: string;
  readonly generationId: bigint;
  readonly reportedState: ReportedState;
  readonly knownVersion: bigint;
  readonly stats: NodeStats | undefined;
  /** Absent: none. */
  readonly silentPrimaries?: readonly SilentPrimary[];
}

/**
 * The leader's memory of who is alive. Ages are measured on the monotonic clock. It holds the nodes
 * that were heard, suspected or restored; who watches the topology lets it forget the others. What
 * `batch` gives outlives the leadership, for people and for the damping of flapping nodes; nobody is
 * judged by an age that another leader measured, for silence counts from the begin of a leadership.
 */
export class HeartbeatTable {
  readonly #clock: Clock;
  readonly #entries = new Map<string, HeartbeatEntry>();
  #startedMs: number;
  readonly #newsListeners: (() => void)[] = [];

  constructor(modules: { readonly clock: Clock }) {
    this.#clock = modules.clock;
    this.#startedMs = modules.clock.monotonicMs();
  }

  /** Calls back when a node says something else than before: its state, or which primaries it does not hear. */
  onNews(listener: () => void): void {
    this.#newsListeners.push(listener);
  }

  /** Monotonic time since when this table listens. */
  get startedMs(): number {
    return this.#startedMs;
  }

  /** By node id. */
  get entries(): ReadonlyMap<string, HeartbeatEntry> {
    return this.#entries;
  }

  /** A new leadership begins: what was heard before says nothing. */
  restart(): void {
    this.#entries.clear();
    this.#startedMs = this.#clock.monotonicMs();
  }

  /** A registration is a sign of life; a new generation begins afresh. */
  registered(nodeId: string, generationId: bigint): void {
    const lastSeenMs = this.#clock.monotonicMs();
    const known = this.#entries.get(nodeId);
    if (known !== undefined && known.generationId > generationId) return;
    const entry = known?.generationId === generationId ? known : newEntry(generationId, lastSeenMs, known);
    this.#entries.set(nodeId, { ...entry, lastSeenMs });
  }

  /** Keeps a heartbeat. A process that has said STOPPING does not come back, whatever arrives late. */
  heard(heartbeat: ArrivedHeartbeat): HeartbeatEntry {
    const { nodeId, generationId, reportedState, knownVersion, stats, silentPrimaries = [] } = heartbeat;
    const lastSeenMs = this.#clock.monotonicMs();
    const last = this.#entries.get(nodeId);
    const known = last?.generationId === generationId ? last : newEntry(generationId, lastSeenMs, last);
    const isStopping = known.reportedState === 'STOPPING';
    const entry: HeartbeatEntry = {
      ...known,
      lastSeenMs,
      reportedState: isStopping ? 'STOPPING' : reportedState,
      knownVersion,
      stats,
      silentPrimaries,
    };
    this.#entries.set(nodeId, entry);
    if (entry.reportedState !== known.reportedState || !sameReports(silentPrimaries, known.silentPrimaries)) {
      for (const listener of this.#newsListeners) listener();
    }
    return entry;
  }

  /** The failure detector has suspected the node; that is no sign of life. */
  suspected(nodeId: string, generationId: bigint): void {
    const nowMs = this.#clock.monotonicMs();
    const entry = this.#entries.get(nodeId) ?? newEntry(generationId, this.#startedMs, undefined);
    this.#entries.set(nodeId, { ...entry, suspicionsMs: kept([...entry.suspicionsMs, nowMs], nowMs) });
  }

  /** The timeouts of the node, damping included. */
  timeouts(nodeId: string, settings: ClusterSettings): NodeTimeouts {
    return timeoutsOf(settings, this.#entries.get(nodeId)?.suspicionsMs ?? [], this.#clock.monotonicMs());
  }

  /** Milliseconds since the node was last heard; since this table listens when it never was. */
  ageMs(nodeId: string): number {
    return this.#clock.monotonicMs() - (this.#entries.get(nodeId)?.lastSeenMs ?? this.#startedMs);
  }

  /** The node is no longer registered. */
  forget(nodeId: string): void {
    this.#entries.delete(nodeId);
  }

  /** What the next leader begins with; `nowMs` on the monotonic clock, `atMs` on the wall. */
  batch(nowMs: number, atMs: number): HeartbeatBatch {
    const nodes = [...this.#entries].map(([nodeId, { generationId, lastSeenMs, suspicionsMs }]) => ({
      nodeId,
      generationId,
      ageMs: ageAt(nowMs, lastSeenMs),
      suspicionAgesMs: recentSuspicions(suspicionsMs, nowMs).map((suspectedMs) => ageAt(nowMs, suspectedMs)),
    }));
    return { atMs, nodes };
  }

  /**
   * Takes over what an earlier leader kept. What this one has heard itself since the restart stands;
   * only suspicions are added to it. The wall clocks of two coordinators may differ: a batch from the
   * future counts as made now, so that no age is below zero; one whose maker's clock is behind looks
   * older than it is. Nodes that are registered no more are for the caller to leave out or to forget.
   */
  restore(batch: HeartbeatBatch, nowMs: number, atMs: number): void {
    const elapsedMs = Math.max(0, atMs - batch.atMs);
    for (const node of batch.nodes.slice(0, restoredNodesMax)) this.#restoreNode(node, nowMs, elapsedMs);
  }

  #restoreNode({ nodeId, generationId, ageMs, suspicionAgesMs }: KeptHeartbeat, nowMs: number, elapsedMs: number) {
    const timeOf = (age: number) => nowMs - elapsedMs - Math.max(0, age);
    const known = this.#entries.get(nodeId);
    const suspicionsMs = [...suspicionAgesMs.map(timeOf), ...(known?.suspicionsMs ?? [])];
    const entry = known ?? { ...newEntry(generationId, nowMs, undefined), lastSeenMs: timeOf(ageMs) };
    this.#entries.set(nodeId, { ...entry, suspicionsMs: kept(suspicionsMs, nowMs) });
  }
}

/** Flapping is a matter of the node and not of one process: a process that keeps crashing flaps. */
function newEntry(generationId: bigint, nowMs: number, before: HeartbeatEntry | undefined): HeartbeatEntry {
  return {
    generationId,
    firstSeenMs: nowMs,
    lastSeenMs: nowMs,
    reportedState: 'STARTING',
    suspicionsMs: before?.suspicionsMs ?? [],
    knownVersion: 0n,
    stats: undefined,
    silentPrimaries: [],
  };
}

function sameReports(left: readonly SilentPrimary[], right: readonly SilentPrimary[]): boolean {
  return (
    left.length === right.length &&
    left.every(({ partition, epoch }, index) => partition === right[index]?.partition && epoch === right[index]?.epoch)
  );
}

/** Oldest first, within the damping window, and no more than are counted. */
function kept(suspicionsMs: readonly number[], nowMs: number): readonly number[] {
  return recentSuspicions(
    suspicionsMs.toSorted((left, right) => left - right),
    nowMs,
  ).slice(-suspicionsMax);
}

function ageAt(nowMs: number, thenMs: number): number {
  return Math.max(0, nowMs - thenMs);
}
