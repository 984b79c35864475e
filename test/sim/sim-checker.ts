import type { StoredKey } from '../../src/consensus/etcd/coordination-store.ts';
import { decodeHead, decodeHolder, decodeSnapshot, decodeUpdateRecord } from '../../src/consensus/etcd/etcd-records.ts';
import { applyUpdate } from '../../src/topology/apply-update.ts';
import type { Topology, TopologyUpdate } from '../../src/topology/topology.ts';
import type { AppliedCommit } from './sim-store-server.ts';
import type { SimWorld } from './sim-world.ts';

/** What must never happen has happened. */
export class InvariantViolation extends Error {}

/** A term as the store knows it. */
interface TermRecord {
  readonly nodeId: string;
  readonly session: string;
  /** It ended by a leader's own wish, so that the leader may not have heard of the end. */
  wasGivenUp: boolean;
}

/** Everything in a topology that a follower could get wrong, in a line. */
export function fingerprint({ clusterId, version, term, nodes, ring, partitions }: Topology): string {
  const nodesPart = [...nodes.values()].map((node) => `${node.id}:${node.generationId}:${node.state}:${node.intent}`);
  const partitionsPart = partitions.map(({ epoch, primaryId }) => `${epoch}${primaryId}`);
  return [clusterId, version, term, ring.epoch, nodesPart.join(), partitionsPart.join()].join('|');
}

/** Watches the store as an outsider who sees every revision, and holds everybody to what it has seen. */
export class SimChecker {
  readonly #prefix: string;
  readonly #historyMax: bigint;
  readonly #world: SimWorld;
  readonly #leaderKey: () => StoredKey | undefined;
  readonly #terms = new Map<bigint, TermRecord>();
  readonly #updates = new Map<bigint, TopologyUpdate>();
  readonly #prints = new Map<bigint, string>();
  #topology: Topology | undefined;
  #failure: InvariantViolation | undefined;

  constructor(
    options: { readonly prefix: string; readonly historyMax: number },
    modules: { readonly world: SimWorld; readonly leaderKey: () => StoredKey | undefined },
  ) {
    this.#prefix = options.prefix;
    this.#historyMax = BigInt(options.historyMax);
    this.#world = modules.world;
    this.#leaderKey = modules.leaderKey;
  }

  /** The topology that the store's updates lead to; undefined before there is one. */
  get topology(): Topology | undefined {
    return this.#topology;
  }

  get failure(): InvariantViolation | undefined {
    return this.#failure;
  }

  get terms(): number {
    return this.#terms.size;
  }

  /** The first violation counts: what follows may follow from it. */
  assert(holds: boolean, violation: () => string): void {
    if (holds || this.#failure !== undefined) return;
    this.#failure = new InvariantViolation(`at ${this.#world.nowMs.toFixed(1)} ms: ${violation()}`);
    this.#world.note(() => `VIOLATION: ${this.#failure?.message}`);
  }

  /** A change of the store, before anybody has heard of it. */
  applied({ source, events, before }: AppliedCommit): void {
    const changed = new Map(events.map(({ name, stored }) => [name.slice(this.#prefix.length), stored]));
    const leaderBefore = before(`${this.#prefix}leader`);
    const head = changed.get('head');
    const hasTopology = head !== undefined || changed.has('snapshot') || changed.has('heartbeats');
    if (hasTopology) this.#assertLeads(source, leaderBefore);
    if (changed.has('head')) this.#assertNext(head, changed, before(`${this.#prefix}head`), leaderBefore);
    this.#assertUpdatesKept(changed);
    if (changed.has('leader')) this.#seeLeader(source, changed.get('leader'), leaderBefore);
  }

  /** A coordinator says that it leads. */
  assertClaim(nodeId: string, term: bigint): void {
    const record = this.#terms.get(term);
    this.assert(record?.nodeId === nodeId, () => `${nodeId} leads in term ${term}, which is ${record?.nodeId}'s`);
    const isCurrent = this.#leaderKey()?.createRevision === term;
    this.assert(
      isCurrent || record?.wasGivenUp === true,
      () => `${nodeId} leads in term ${term}, and its lease has ended in the store`,
    );
  }

  /** Somebody has a copy. */
  assertCopy(who: string, copy: Topology): void {
    const { version } = copy;
    const expected = this.#prints.get(version);
    const actual = fingerprint(copy);
    this.assert(expected === actual, () => `${who} has ${actual}, and the store has had ${expected}`);
  }

  /** Somebody was told that the update is committed. */
  assertCommitted(who: string, update: TopologyUpdate): void {
    const known = this.#updates.get(update.version);
    const isSame = known?.term === update.term && known.reason === update.reason && known.atMs === update.atMs;
    this.assert(
      isSame,
      () => `${who} was told that version ${update.version} is "${update.reason}"; the store has "${known?.reason}"`,
    );
  }

  #assertLeads(source: string, leader: StoredKey | undefined): void {
    const holder = leader === undefined ? undefined : decodeHolder(leader.value);
    this.assert(
      holder !== undefined && holder.nodeId === nodeIdOf(source),
      () => `${source} writes the topology, and ${holder?.nodeId ?? 'nobody'} leads (invariant 4)`,
    );
  }

  #assertNext(
    head: StoredKey | undefined,
    changed: ReadonlyMap<string, StoredKey | undefined>,
    headBefore: StoredKey | undefined,
    leader: StoredKey | undefined,
  ): void {
    if (head === undefined) {
      this.assert(false, () => 'the version was deleted (invariant 5)');
      return;
    }
    const version = decodeHead(head.value);
    const snapshot = changed.get('snapshot');
    if (headBefore === undefined) {
      this.assert(version === 0n && snapshot !== undefined, () => `the cluster begins with version ${version}`);
      if (snapshot !== undefined) this.#know(decodeSnapshot(snapshot.value));
      return;
    }
    const previous = decodeHead(headBefore.value);
    this.assert(version === previous + 1n, () => `version ${version} follows ${previous} (invariant 5)`);
    const written = changed.get(`updates/${version.toString().padStart(20, '0')}`);
    this.assert(written !== undefined, () => `version ${version} has no update (invariant 5)`);
    if (written === undefined || this.#topology === undefined || version !== previous + 1n) return;
    const update = decodeUpdateRecord(written.value);
    this.assert(
      update.term === leader?.createRevision,
      () => `version ${version} bears term ${update.term}; ${leader?.createRevision} is the store's (invariant 4)`,
    );
    this.assert(update.previousVersion === previous, () => `version ${version} claims to follow another`);
    this.#updates.set(version, update);
    this.#know(applyUpdate(this.#topology, update));
    this.#world.note(() => `the store: version ${version}, term ${update.term}: ${update.reason}`);
    if (snapshot === undefined) return;
    const print = fingerprint(decodeSnapshot(snapshot.value));
    this.assert(print === this.#prints.get(version), () => `the snapshot of version ${version} is ${print}`);
  }

  #know(topology: Topology): void {
    this.#topology = topology;
    this.#prints.set(topology.version, fingerprint(topology));
  }

  #assertUpdatesKept(changed: ReadonlyMap<string, StoredKey | undefined>): void {
    for (const [key, stored] of changed) {
      if (stored !== undefined || !key.startsWith('updates/')) continue;
      const version = BigInt(key.slice('updates/'.length));
      const head = this.#topology?.version ?? 0n;
      this.assert(version <= head - this.#historyMax, () => `version ${version} was forgotten at ${head}`);
    }
  }

  #seeLeader(source: string, leader: StoredKey | undefined, before: StoredKey | undefined): void {
    const ended = before === undefined ? undefined : this.#terms.get(before.createRevision);
    if (ended !== undefined && before?.createRevision !== leader?.createRevision) {
      ended.wasGivenUp = nodeIdOf(source) === ended.nodeId;
    }
    if (leader === undefined) {
      this.#world.note(() => `the store: nobody leads any more, by ${source}`);
      return;
    }
    const { nodeId, session } = decodeHolder(leader.value);
    const last = Math.max(0, ...[...this.#terms.keys()].map(Number));
    this.assert(Number(leader.createRevision) > last, () => `term ${leader.createRevision} follows ${last}`);
    this.assert(nodeId === nodeIdOf(source), () => `${source} makes ${nodeId} the leader`);
    this.#terms.set(leader.createRevision, { nodeId, session, wasGivenUp: false });
    this.#world.note(() => `the store: ${nodeId} leads in term ${leader.createRevision}`);
  }
}

/** A process is named "coordinator-1#3": the third one of that coordinator. */
function nodeIdOf(source: string): string {
  return source.split('#')[0] ?? source;
}
