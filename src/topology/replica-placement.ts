import { bestOf } from './best-of.ts';
import { inSyncFloor, mayShrink } from './in-sync-floor.ts';
import type { MetadataNodes } from './metadata-nodes.ts';
import { NodeLoads } from './node-loads.ts';
import type { Deferred, PlannedChange } from './partition-plan.ts';
import { choosePrimary } from './primary-choice.ts';
import { rendezvousScore } from './rendezvous-score.ts';
import { chooseReplica, zonePairs } from './replica-choice.ts';
import type { Partition, Topology } from './topology.ts';

/** What placement needs to know. */
export interface PlacementView {
  readonly topology: Topology;
  readonly nodes: MetadataNodes;
  /** Of primaries; follows what is planned. */
  readonly primaries: NodeLoads;
  /** Partitions that have a change in this plan already. */
  readonly taken: ReadonlySet<number>;
  /** So many partitions may have a replica that catches up at the same time. */
  readonly catchingUpMax: number;
}

/** Above what rounding makes of shares. */
const roundingMax = 1e-6;

/**
 * Where the replicas of partitions belong, and the next step of each towards it. Stages: a new replica is added; its
 * primary takes it into the in-sync set when it has caught up; then the one that is too many hands its primary over, if
 * it is that, and is taken out. What is where stays there: replicas are added where some are missing, and moved only to a
 * better zone, or where two nodes differ by more than one for their weight.
 */
export class ReplicaPlacement {
  readonly changes: PlannedChange[] = [];
  readonly deferred: Deferred[] = [];
  readonly #view: PlacementView;
  readonly #replicaCount: number;
  readonly #loads: NodeLoads;
  readonly #zoneOf: (nodeId: string) => string;
  /** What of a partition's replicas is to stay. */
  readonly #kept = new Map<number, readonly string[]>();
  #catchingUp: number;

  constructor(view: PlacementView) {
    const { topology, nodes } = view;
    const { partitions, settings } = topology;
    this.#view = view;
    this.#replicaCount = Math.min(settings.metadataReplicas, nodes.holders.length);
    this.#zoneOf = (id) => nodes.zoneOf(id);
    const assigned = partitions.filter(({ epoch }) => epoch > 0n);
    this.#loads = new NodeLoads(assigned.length * this.#replicaCount, assigned.length, nodes.holders);
    for (const { replicas } of assigned) {
      for (const id of replicas) if (nodes.isHolder(id)) this.#loads.add(id);
    }
    for (const partition of assigned) this.#kept.set(partition.id, this.#keptOf(partition));
    this.#catchingUp = assigned.filter((partition) => this.#isCatchingUp(partition)).length;
    const steady = assigned.filter(({ id }) => !view.taken.has(id));
    for (const partition of steady) this.#removeSurplus(partition);
    const short = steady.filter(({ id }) => this.#keptIn(id).length < this.#replicaCount);
    // The fewer there are that a loss could take, the sooner it needs another.
    for (const partition of short.toSorted((left, right) => left.inSync.length - right.inSync.length))
      this.#addMissing(partition);
    const whole = steady.filter((partition) => this.#isWhole(partition));
    this.#spreadOverZones(whole);
    this.#level(whole);
  }

  #keptIn(id: number): readonly string[] {
    return this.#kept.get(id) ?? [];
  }

  /**
   * Without those that have to go, and without those that are too many. Whoever was added last, by a move of this plan's
   * predecessors or by an operator, stays: one of the others is the one that is left behind.
   */
  #keptOf({ id, primaryId, replicas }: Partition): readonly string[] {
    const held = replicas.filter((nodeId) => this.#view.nodes.isHolder(nodeId));
    let older: readonly string[] = held.slice(0, this.#replicaCount);
    const newer = held.slice(this.#replicaCount);
    while (older.length > 0 && older.length + newer.length > this.#replicaCount) {
      const worst = bestOf(
        older,
        (nodeId) => zonePairs([...without(older, nodeId), ...newer], this.#zoneOf),
        (nodeId) => -this.#loads.excess(nodeId),
        (nodeId) => (nodeId === primaryId ? 1 : 0),
        (nodeId) => rendezvousScore(id, nodeId),
      );
      if (worst === undefined) break;
      this.#loads.add(worst, -1);
      older = without(older, worst);
    }
    return [...older, ...newer];
  }

  /** A replica that could catch up does so; one whose node or primary is away waits without any traffic. */
  #isCatchingUp({ primaryId, inSync, replicas }: Partition): boolean {
    const { nodes } = this.#view;
    return !nodes.isDown(primaryId) && replicas.some((id) => nodes.isReady(id) && !inSync.includes(id));
  }

  /** Nothing is to be added, removed or awaited. */
  #isWhole({ id, inSync, replicas }: Partition): boolean {
    const kept = this.#keptIn(id);
    return kept.length === this.#replicaCount && replicas.length === kept.length && inSync.length === kept.length;
  }

  #removeSurplus(partition: Partition): void {
    const { id, primaryId, inSync, replicas } = partition;
    const kept = this.#keptIn(id);
    // Replicas that are missing come first, so that there is never one less on the way.
    if (kept.length === 0 || kept.length < this.#replicaCount) return;
    const surplus = replicas.filter((nodeId) => !kept.includes(nodeId) && this.#isReplaced(nodeId));
    if (surplus.length === 0) return;
    const gone = surplus.filter((nodeId) => !inSync.includes(nodeId));
    let members = inSync;
    for (const nodeId of surplus.filter((each) => inSync.includes(each) && each !== primaryId)) {
      if (!this.#hasReplacement(partition, nodeId) || !this.#mayLeave(id, nodeId, members)) continue;
      members = without(members, nodeId);
      gone.push(nodeId);
    }
    if (gone.length > 0) {
      const next = { ...partition, inSync: members, replicas: replicas.filter((nodeId) => !gone.includes(nodeId)) };
      const reason = `${gone.join(', ')} ${gone.length === 1 ? 'is' : 'are'} no longer needed as a replica`;
      this.changes.push({ step: 'remove-replica', partition: next, reason });
    } else if (surplus.includes(primaryId) && this.#hasReplacement(partition, primaryId)) this.#handOver(partition);
  }

  /** The replica of a node that is only away stays, until there are as many others as there should be. */
  #isReplaced(nodeId: string): boolean {
    const { topology, nodes } = this.#view;
    const isAway = !nodes.isHolder(nodeId) && !nodes.isDrained(nodeId);
    return !isAway || this.#replicaCount === topology.settings.metadataReplicas;
  }

  /** All that are to stay are in sync; where a node is emptied, those of them that are there. */
  #hasReplacement({ id, inSync }: Partition, nodeId: string): boolean {
    const { nodes } = this.#view;
    const awaited = this.#keptIn(id).filter((each) => nodes.isHolder(nodeId) || nodes.isReady(each));
    return awaited.length > 0 && awaited.every((each) => inSync.includes(each));
  }

  #mayLeave(id: number, nodeId: string, members: readonly string[]): boolean {
    if (mayShrink(members.length, inSyncFloor(this.#view.topology))) return true;
    this.deferred.push({
      step: 'remove-replica',
      partition: id,
      reason: `${nodeId} stays: too few others are in sync`,
    });
    return false;
  }

  #handOver(partition: Partition): void {
    const { nodes, primaries } = this.#view;
    const { id, primaryId, inSync } = partition;
    const candidates = this.#keptIn(id).filter((nodeId) => inSync.includes(nodeId) && nodes.isReady(nodeId));
    const next = choosePrimary(id, candidates, primaries);
    if (next === undefined) return;
    primaries.add(primaryId, -1);
    primaries.add(next);
    const reason = `its primary ${primaryId} is no longer needed as a replica`;
    this.changes.push({ step: 'handover', partition: { ...partition, primaryId: next }, reason });
  }

  #addMissing(partition: Partition): void {
    const { id, replicas } = partition;
    const added: string[] = [];
    for (let kept = this.#keptIn(id); kept.length < this.#replicaCount; kept = [...this.#keptIn(id), ...added]) {
      const candidates = this.#candidates([...replicas, ...added]);
      const chosen = chooseReplica(id, kept, candidates, { zoneOf: this.#zoneOf, loads: this.#loads });
      if (chosen === undefined) break;
      added.push(chosen);
      this.#loads.add(chosen);
    }
    if (added.length === 0) {
      this.deferred.push({
        step: 'add-replica',
        partition: id,
        reason: `${this.#keptIn(id).length} of ${this.#replicaCount} replicas, and no node for another`,
      });
      return;
    }
    const has = `${this.#keptIn(id).length} of ${this.#replicaCount} replicas`;
    this.#add(partition, added, `it has ${has}`);
  }

  #candidates(replicas: readonly string[]): readonly string[] {
    return this.#view.nodes.ready.map(({ id }) => id).filter((id) => !replicas.includes(id));
  }

  #add(partition: Partition, added: readonly string[], why: string): void {
    const { id, replicas } = partition;
    if (this.#catchingUp >= this.#view.catchingUpMax && !this.#isCatchingUp(partition)) {
      const reason = `${why}; ${this.#catchingUp} partitions have replicas that catch up`;
      this.deferred.push({ step: 'add-replica', partition: id, reason });
      return;
    }
    if (!this.#isCatchingUp(partition)) this.#catchingUp += 1;
    const next = { ...partition, replicas: [...replicas, ...added] };
    this.changes.push({ step: 'add-replica', partition: next, reason: `${why}: ${added.join(', ')} joins` });
  }

  /** A replica in a zone that has another one already moves to where there is none, if there is such a node. */
  #spreadOverZones(partitions: readonly Partition[]): void {
    for (const { id, ...rest } of partitions) {
      const kept = this.#keptIn(id);
      if (!this.#hasEmptierZone(kept)) continue;
      const pairs = zonePairs(kept, this.#zoneOf);
      const moves = kept.flatMap((from) => this.#candidates(kept).map((to) => ({ from, to })));
      const best = bestOf(
        moves,
        ({ from, to }) => zonePairs([...without(kept, from), to], this.#zoneOf),
        ({ to }) => this.#loads.excess(to),
        ({ from }) => -this.#loads.excess(from),
        ({ to }) => -rendezvousScore(id, to),
      );
      if (best === undefined || zonePairs([...without(kept, best.from), best.to], this.#zoneOf) >= pairs) continue;
      this.#move({ id, ...rest }, best.from, best.to, `${best.from} shares a zone with another replica`);
    }
  }

  /** Whether a zone has two replicas less than another one, and a node for one more. */
  #hasEmptierZone(replicas: readonly string[]): boolean {
    const counts = new Map<string, number>();
    for (const id of replicas) counts.set(this.#zoneOf(id), (counts.get(this.#zoneOf(id)) ?? 0) + 1);
    const most = Math.max(...counts.values());
    return this.#view.nodes.ready.some(({ id }) => (counts.get(this.#zoneOf(id)) ?? 0) <= most - 2);
  }

  /** From who has the most too many to who has the most room, while that makes them more alike. */
  #level(partitions: readonly Partition[]): void {
    const open = new Map(partitions.map((partition) => [partition.id, partition]));
    for (const { partition } of this.changes) open.delete(partition.id);
    while (this.#catchingUp < this.#view.catchingUpMax) {
      const move = this.#levellingMove([...open.values()]);
      if (move === undefined) return;
      const { partition, from, to } = move;
      open.delete(partition.id);
      this.#move(partition, from, to, `${from} has more replicas than its share`);
    }
  }

  #levellingMove(partitions: readonly Partition[]) {
    const excess = (id: string) => this.#loads.excess(id);
    const givers = this.#view.nodes.holders.map(({ id }) => id).toSorted((left, right) => excess(right) - excess(left));
    const takers = this.#view.nodes.ready.map(({ id }) => id).toSorted((left, right) => excess(left) - excess(right));
    for (const from of givers) {
      for (const to of takers) {
        if (excess(from) - excess(to) <= 1 + roundingMax) break;
        const partition = bestOf(
          partitions.filter(({ replicas }) => this.#fits(replicas, from, to)),
          // What an operator has just moved has changed more often than others, and stays.
          ({ epoch }) => Number(epoch),
          ({ id }) => -rendezvousScore(id, to),
        );
        if (partition !== undefined) return { partition, from, to };
      }
    }
    return undefined;
  }

  #fits(replicas: readonly string[], from: string, to: string): boolean {
    if (!replicas.includes(from) || replicas.includes(to)) return false;
    const moved = [...without(replicas, from), to];
    return zonePairs(moved, this.#zoneOf) <= zonePairs(replicas, this.#zoneOf);
  }

  #move(partition: Partition, from: string, to: string, why: string): void {
    this.#loads.add(from, -1);
    this.#loads.add(to);
    this.#add(partition, [to], why);
  }
}

function without(nodeIds: readonly string[], nodeId: string): readonly string[] {
  return nodeIds.filter((id) => id !== nodeId);
}
