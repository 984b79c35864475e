import type { Clock, Timer } from '../base/clock.ts';
import { asStratumError, hasCode } from '../base/errors.ts';
import { applyUpdate } from '../topology/apply-update.ts';
import type { Topology, TopologyUpdate } from '../topology/topology.ts';
import type { ClusterConnection, CoordinatorSurvey, LeaderReport, NodeHeartbeat } from './connection.ts';
import type { FollowEvent } from './follow-topology.ts';

/** Heartbeats come every second in a local cluster: looked at as often, the bars move smoothly. */
const pollIntervalMs = 1_000;

/** How many changes are remembered. */
const changesMax = 50;

/** One change of the topology, in words. */
export interface TopologyChange {
  readonly version: bigint;
  /** Milliseconds since the Unix epoch. */
  readonly atMs: number;
  readonly text: string;
}

/** Everything that one frame of the live view shows. */
export interface TopologyFrame {
  readonly clusterName: string;
  readonly topology: Topology;
  readonly leaderId: string | undefined;
  readonly leaderAddress: string | undefined;
  /** The term of that leader; undefined before a coordinator was asked. */
  readonly leaderTerm: bigint | undefined;
  /** What the coordinators say of themselves; undefined before they were asked. */
  readonly survey: CoordinatorSurvey | undefined;
  readonly heartbeats: ReadonlyMap<string, NodeHeartbeat>;
  /** Newest first. */
  readonly changes: readonly TopologyChange[];
  /** Milliseconds since a coordinator last answered; 0 while connected. */
  readonly disconnectedMs: number;
}

/** Gathers the frames of the live view from the watch and, beside it, from polls of heartbeats, leader and coordinators. */
export class TopologyWatchSource {
  readonly #clusterName: string;
  readonly #cluster: ClusterConnection;
  readonly #clock: Clock;
  readonly #listeners = new Set<(frame: TopologyFrame) => void>();
  #topology: Topology | undefined;
  #leader: LeaderReport | undefined;
  #heartbeats: ReadonlyMap<string, NodeHeartbeat> = new Map();
  #changes: readonly TopologyChange[] = [];
  #lostAtMs: number | undefined;
  #survey: CoordinatorSurvey | undefined;
  #leaderPoll: Promise<void> | undefined;
  #coordinatorPoll: Promise<void> | undefined;
  #timer: Timer | undefined;

  constructor(
    options: { readonly clusterName: string },
    modules: { readonly cluster: ClusterConnection; readonly clock: Clock },
  ) {
    this.#clusterName = options.clusterName;
    this.#cluster = modules.cluster;
    this.#clock = modules.clock;
  }

  /** The latest frame; undefined before the first topology. */
  current(): TopologyFrame | undefined {
    if (this.#topology === undefined) return undefined;
    const lostAtMs = this.#lostAtMs;
    return {
      clusterName: this.#clusterName,
      topology: this.#topology,
      leaderId: this.#leader?.leaderId,
      leaderAddress: this.#leader?.leaderAddress,
      leaderTerm: this.#leader?.term,
      survey: this.#survey,
      heartbeats: this.#heartbeats,
      changes: this.#changes,
      disconnectedMs: lostAtMs === undefined ? 0 : Math.max(1, this.#clock.monotonicMs() - lostAtMs),
    };
  }

  /** Calls back with every new frame; the result ends the subscription. */
  subscribe(listener: (frame: TopologyFrame) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Takes the events until they end; polls in between, without waiting for it. Rejects with the watch's error. */
  async follow(events: AsyncIterable<FollowEvent>): Promise<void> {
    this.#timer = this.#clock.every(pollIntervalMs, () => void this.poll());
    try {
      void this.poll();
      for await (const event of events) this.#take(event);
    } finally {
      this.#timer.cancel();
    }
  }

  /**
   * Reads leader, heartbeats and coordinators, or waits for the reading under way: there are never
   * two. Never rejects, since the watch reports a lost connection.
   */
  async poll(): Promise<void> {
    // Side by side: without a leader the one waits for an election, with a dead coordinator the other for its answer.
    this.#leaderPoll ??= this.#readLeader().finally(() => {
      this.#leaderPoll = undefined;
    });
    this.#coordinatorPoll ??= this.#readCoordinators().finally(() => {
      this.#coordinatorPoll = undefined;
    });
    await Promise.all([this.#leaderPoll, this.#coordinatorPoll]);
  }

  async #readLeader(): Promise<void> {
    try {
      this.#leader = await this.#cluster.leader();
      const heartbeats = this.#leader.leaderId === undefined ? [] : await this.#cluster.heartbeats();
      this.#heartbeats = new Map(heartbeats.map((heartbeat) => [heartbeat.nodeId, heartbeat]));
    } catch (error) {
      // Ages that nobody renews would look as if the nodes were well.
      this.#heartbeats = new Map();
      if (this.#leader !== undefined && hasCode(asStratumError(error), 'NO_LEADER')) {
        this.#leader = { ...this.#leader, leaderId: undefined, leaderAddress: undefined };
      }
    }
    this.#tell();
  }

  async #readCoordinators(): Promise<void> {
    try {
      this.#survey = await this.#cluster.consensusStatuses(this.#topology);
    } catch {
      this.#survey = undefined; // It was interrupted: nothing is known any more.
    }
    this.#tell();
  }

  #take(event: FollowEvent): void {
    if (event.kind === 'lost') this.#lostAtMs = this.#clock.monotonicMs();
    else this.#lostAtMs = undefined;
    if (event.kind === 'full-sync') this.#topology = event.topology;
    if (event.kind === 'update') this.#apply(event.update);
    this.#tell();
  }

  #apply(update: TopologyUpdate): void {
    // An update that comes again after a reconnect is known already.
    if (this.#topology === undefined || update.version <= this.#topology.version) return;
    this.#topology = applyUpdate(this.#topology, update);
    const change = { version: update.version, atMs: update.atMs, text: update.reason };
    this.#changes = [change, ...this.#changes].slice(0, changesMax);
  }

  #tell(): void {
    const frame = this.current();
    if (frame === undefined) return;
    for (const listener of [...this.#listeners]) listener(frame);
  }
}
