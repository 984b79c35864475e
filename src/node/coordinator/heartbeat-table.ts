import type { Clock } from '../../base/clock.ts';
import type { NodeStats } from '../../rpc/gen/stratum/v1/types.ts';
import type { HeartbeatRecord } from '../../topology/failure-detector.ts';
import type { ReportedState } from '../../topology/topology.ts';

/** Suspicions older than this no longer count as flapping. */
const flapWindowMs = 10 * 60_000;

/** More suspicions than this are not told apart. */
const flapsMax = 100;

/** What a node said in its last heartbeat. */
export interface HeartbeatEntry extends HeartbeatRecord {
  /** The version of the topology that the node works from. */
  readonly knownVersion: bigint;
  readonly stats: NodeStats | undefined;
}

/** A heartbeat as it arrives. */
export interface ArrivedHeartbeat {
  readonly nodeId: string;
  readonly generationId: bigint;
  readonly reportedState: ReportedState;
  readonly knownVersion: bigint;
  readonly stats: NodeStats | undefined;
}

/**
 * The leader's memory of who is alive: never on disk, gone with the leadership. Ages are measured
 * on the monotonic clock. It holds registered nodes alone.
 */
export class HeartbeatTable {
  readonly #clock: Clock;
  readonly #entries = new Map<string, HeartbeatEntry>();
  readonly #suspicions = new Map<string, number[]>();
  #startedMs: number;

  constructor(modules: { readonly clock: Clock }) {
    this.#clock = modules.clock;
    this.#startedMs = modules.clock.monotonicMs();
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
    this.#suspicions.clear();
    this.#startedMs = this.#clock.monotonicMs();
  }

  /** A registration is a sign of life; a new generation begins afresh. */
  registered(nodeId: string, generationId: bigint): void {
    const lastSeenMs = this.#clock.monotonicMs();
    const known = this.#entries.get(nodeId);
    if (known !== undefined && known.generationId > generationId) return;
    const entry =
      known?.generationId === generationId
        ? { ...known, lastSeenMs }
        : { ...newEntry(generationId, lastSeenMs), knownVersion: 0n, stats: undefined };
    this.#entries.set(nodeId, entry);
  }

  /** Keeps a heartbeat. A process that has said STOPPING does not come back, whatever arrives late. */
  heard({ nodeId, generationId, reportedState, knownVersion, stats }: ArrivedHeartbeat): HeartbeatEntry {
    const lastSeenMs = this.#clock.monotonicMs();
    const last = this.#entries.get(nodeId);
    const known = last?.generationId === generationId ? last : newEntry(generationId, lastSeenMs);
    const isStopping = known.reportedState === 'STOPPING';
    const entry: HeartbeatEntry = {
      ...known,
      lastSeenMs,
      reportedState: isStopping ? 'STOPPING' : reportedState,
      knownVersion,
      stats,
    };
    this.#entries.set(nodeId, entry);
    return entry;
  }

  /** The failure detector has suspected the node. */
  suspected(nodeId: string): void {
    const times = [...this.#recentSuspicions(nodeId), this.#clock.monotonicMs()];
    this.#suspicions.set(nodeId, times.slice(-flapsMax));
  }

  /** How often the node was suspected within the last ten minutes. */
  flapCount(nodeId: string): number {
    return this.#recentSuspicions(nodeId).length;
  }

  /** Milliseconds since the node was last heard; since this table listens when it never was. */
  ageMs(nodeId: string): number {
    return this.#clock.monotonicMs() - (this.#entries.get(nodeId)?.lastSeenMs ?? this.#startedMs);
  }

  /** The node is no longer registered. */
  forget(nodeId: string): void {
    this.#entries.delete(nodeId);
    this.#suspicions.delete(nodeId);
  }

  #recentSuspicions(nodeId: string): readonly number[] {
    const sinceMs = this.#clock.monotonicMs() - flapWindowMs;
    return (this.#suspicions.get(nodeId) ?? []).filter((atMs) => atMs >= sinceMs);
  }
}

function newEntry(generationId: bigint, nowMs: number): HeartbeatRecord {
  return { generationId, firstSeenMs: nowMs, lastSeenMs: nowMs, reportedState: 'STARTING' };
}
