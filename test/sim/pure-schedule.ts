import { StratumError } from '../../src/base/errors.ts';
import { HeartbeatTable } from '../../src/node/coordinator/heartbeat-table.ts';
import { applyUpdate } from '../../src/topology/apply-update.ts';
import type { TopologyCommand } from '../../src/topology/commands.ts';
import { type DetectorState, newDetectorState, stepDetector } from '../../src/topology/failure-detector.ts';
import { heartbeatTransition } from '../../src/topology/heartbeat-transition.ts';
import { reduce } from '../../src/topology/reduce.ts';
import type { NodeRole, Topology, TopologyUpdate } from '../../src/topology/topology.ts';
import { manualClock } from '../unit/base/manual-clock.ts';
import { emptyCluster, sampleRegistration } from '../unit/topology/sample-cluster.ts';
import { fingerprint, InvariantViolation } from './sim-checker.ts';
import { type SimRandom, simRandom } from './sim-random.ts';

const timings = { detectorTickMs: 500, leaderGraceMs: 5_000, joiningTimeoutMs: 8_000 };

const roles: readonly NodeRole[] = ['object', 'metadata', 'frontend'];

/** A coordinator that leads, or thinks so: what it does is decided by pure functions alone. */
interface PureLeader {
  readonly name: string;
  term: bigint;
  topology: Topology;
  detector: DetectorState;
  readonly table: HeartbeatTable;
  /** When heartbeats of a node's generation reached it in this term. */
  readonly heardMs: Map<string, number>;
  /** When it last gave up each node in this term. */
  readonly givenUpMs: Map<string, number>;
}

/** A log that takes a write from the leader of its term alone, and only as the next version. */
class FencedLog {
  term = 0n;
  topology: Topology;
  readonly updates: TopologyUpdate[] = [];

  constructor(topology: Topology) {
    this.topology = topology;
  }

  accepts(update: TopologyUpdate, term: bigint): boolean {
    if (term !== this.term || update.previousVersion !== this.topology.version) return false;
    this.topology = applyUpdate(this.topology, update);
    this.updates.push(update);
    return true;
  }
}

/**
 * Some hundred steps of leaders, nodes and time on the pure parts: reducer, failure detector, heartbeat
 * transitions and the fenced log that they are used with. Throws an InvariantViolation.
 */
export class PureSchedule {
  readonly #random: SimRandom;
  readonly #clock = manualClock(1_000_000);
  readonly #log = new FencedLog(emptyCluster({ bootstrapExpectObject: 2, partitions: 4 }));
  readonly #leaders: PureLeader[];
  readonly #generations = new Map<string, bigint>();
  /** A follower that applies one update after the other, some time later. */
  #follower: Topology = this.#log.topology;

  constructor(seed: number) {
    this.#random = simRandom(seed);
    this.#leaders = ['one', 'two', 'three'].map((name) => ({
      name,
      term: -1n,
      topology: this.#log.topology,
      detector: newDetectorState(0),
      table: new HeartbeatTable({ clock: this.#clock }),
      heardMs: new Map(),
      givenUpMs: new Map(),
    }));
  }

  get versions(): number {
    return this.#log.updates.length;
  }

  run(steps: number): void {
    for (let step = 0; step < steps; step += 1) {
      this.#clock.advance(this.#random.pick([10, 100, 250, 500, 500, 500, 900, 4_000]));
      this.#step();
    }
    this.#catchUpFollower(this.#log.updates.length);
    assert(fingerprint(this.#follower) === fingerprint(this.#log.topology), 'a follower ends with another topology');
    // The history alone leads to the same topology.
    const again = this.#log.updates.reduce(applyUpdate, emptyCluster({ bootstrapExpectObject: 2, partitions: 4 }));
    assert(fingerprint(again) === fingerprint(this.#log.topology), 'the history leads to another topology');
  }

  #step(): void {
    const random = this.#random;
    const leader = random.pick(this.#leaders);
    const kind = random.next();
    if (this.#log.term === 0n || kind < 0.02) this.#elect(leader);
    else if (kind < 0.45) for (const each of this.#leaders) this.#look(each);
    else if (kind < 0.75) this.#heartbeat(this.#current() ?? leader);
    else if (kind < 0.8) this.#heartbeat(leader);
    else if (kind < 0.88) this.#register(leader, random.chance(0.3));
    else if (kind < 0.93) this.#operate(leader);
    else this.#catchUpFollower(random.integer(1, 3));
  }

  #current(): PureLeader | undefined {
    return this.#leaders.find(({ term }) => term === this.#log.term);
  }

  /** The one that led before does not hear of it. */
  #elect(leader: PureLeader): void {
    this.#log.term += 1n;
    leader.term = this.#log.term;
    leader.topology = this.#log.topology;
    leader.detector = newDetectorState(this.#clock.monotonicMs());
    leader.table.restart();
    leader.heardMs.clear();
    leader.givenUpMs.clear();
  }

  #look(leader: PureLeader): void {
    if (leader.term < 0n) return;
    const nowMs = this.#clock.monotonicMs();
    const before = leader.detector;
    const step = stepDetector(
      before,
      {
        nowMs,
        atMs: this.#clock.nowMs(),
        leaderSinceMs: before.leaderSinceMs,
        topology: leader.topology,
        heartbeats: leader.table.entries,
      },
      timings,
    );
    leader.detector = step.state;
    const graceMs = nowMs - before.leaderSinceMs;
    assert(step.commands.length === 0 || graceMs >= timings.leaderGraceMs, `asks within the grace period: ${graceMs}`);
    const lateMs = nowMs - before.lastLookMs - timings.detectorTickMs;
    const { heartbeatIntervalMs, downTimeoutMs, suspectTimeoutMs } = leader.topology.settings;
    assert(step.commands.length === 0 || lateMs < heartbeatIntervalMs, `asks right after a stall of ${lateMs} ms`);
    for (const command of step.commands) {
      const heardMs = leader.heardMs.get(`${command.nodeId}:${command.generationId}`) ?? Number.NEGATIVE_INFINITY;
      if (command.kind === 'set-node-state') {
        const enoughMs = command.state === 'DOWN' ? downTimeoutMs : suspectTimeoutMs;
        assert(nowMs - heardMs >= enoughMs, `${command.nodeId} is to be ${command.state} after ${nowMs - heardMs} ms`);
      }
      const isDone = this.#propose(leader, command);
      const isSuspicion = command.kind === 'set-node-state' && command.state === 'SUSPECT';
      if (isDone && isSuspicion) leader.table.suspected(command.nodeId, command.generationId);
      if (!isSuspicion) leader.givenUpMs.set(command.nodeId, nowMs);
    }
    const given = [...leader.givenUpMs.values()].filter((atMs) => nowMs - atMs < heartbeatIntervalMs).length;
    const givenMax = Math.max(4, Math.ceil(leader.topology.nodes.size / 10));
    assert(given <= givenMax, `gives up ${given} nodes within a heartbeat interval`);
  }

  #heartbeat(leader: PureLeader): void {
    const nodes = [...leader.topology.nodes.values()];
    if (leader.term < 0n || nodes.length === 0) return;
    const node = this.#random.pick(nodes);
    const { id: nodeId, generationId } = node;
    const reportedState = this.#random.pick(['READY', 'READY', 'READY', 'STARTING', 'STOPPING'] as const);
    const heard = leader.table.heard({ nodeId, generationId, reportedState, knownVersion: 0n, stats: undefined });
    leader.heardMs.set(`${nodeId}:${generationId}`, this.#clock.monotonicMs());
    const transition = heartbeatTransition(leader.topology, node, heard.reportedState);
    if (transition === undefined) return;
    const atMs = this.#clock.nowMs();
    this.#propose(leader, { kind: 'set-node-state', atMs, nodeId, generationId, ...transition });
  }

  #register(leader: PureLeader, isOld: boolean): void {
    const role = this.#random.pick(roles);
    const id = `${role}-${this.#random.integer(1, 4)}`;
    const last = this.#generations.get(id) ?? 0n;
    const generationId = isOld && last > 1n ? last - 1n : last + 1n;
    if (generationId > last) this.#generations.set(id, generationId);
    const node = sampleRegistration({ id, generationId, roles: [role] });
    const afterCleanStop = this.#random.chance(0.5);
    this.#propose(leader, { kind: 'register-node', atMs: this.#clock.nowMs(), node, afterCleanStop });
  }

  #operate(leader: PureLeader): void {
    const nodes = [...leader.topology.nodes.values()];
    if (nodes.length === 0) return;
    const { id: nodeId, generationId } = this.#random.pick(nodes);
    const atMs = this.#clock.nowMs();
    const by = { actor: 'operator', reason: 'simulation' };
    const intent = this.#random.pick(['DRAIN', 'SERVE'] as const);
    this.#propose(
      leader,
      this.#random.chance(0.5)
        ? { kind: 'deregister-node', atMs, nodeId, generationId }
        : { kind: 'set-node-intent', atMs, nodeId, intent, expectedVersion: undefined, by },
    );
  }

  /** What a leader does with a command: reduces it, writes it, and reads when it was refused. */
  #propose(leader: PureLeader, command: TopologyCommand): boolean {
    if (leader.term < 0n) return false;
    const before = fingerprint(leader.topology);
    let reduced: ReturnType<typeof reduce>;
    try {
      reduced = reduce(leader.topology, command, leader.term);
    } catch (error) {
      assert(error instanceof StratumError && error.code !== 'INTERNAL', `${command.kind} fails: ${String(error)}`);
      return false;
    } finally {
      assert(fingerprint(leader.topology) === before, `${command.kind} changes the topology that it was given`);
    }
    const { topology, update } = reduced;
    if (update === undefined) return false;
    const wasCurrent = leader.term === this.#log.term;
    const previous = this.#log.topology;
    if (!this.#log.accepts(update, leader.term)) {
      assert(!wasCurrent, `a write of the leader ${leader.name} was refused`);
      // It learns that it was deposed, now or never.
      if (this.#random.chance(0.5)) leader.term = -1n;
      return false;
    }
    assert(wasCurrent, `a write of ${leader.name} was taken, which was deposed (invariant 4)`);
    leader.topology = topology;
    assert(fingerprint(topology) === fingerprint(this.#log.topology), 'an update leads elsewhere than the reducer');
    assertLegal(previous, topology, update);
    for (const id of update.nodesRemoved) leader.table.forget(id);
    return true;
  }

  #catchUpFollower(count: number): void {
    const from = Number(this.#follower.version);
    for (const update of this.#log.updates.slice(from, from + count))
      this.#follower = applyUpdate(this.#follower, update);
  }
}

/** What no single change may do. */
function assertLegal(before: Topology, after: Topology, update: TopologyUpdate): void {
  assert(after.version === before.version + 1n, `version ${after.version} follows ${before.version} (invariant 5)`);
  assert(
    after.ring.epoch === before.ring.epoch || after.ring.epoch === before.ring.epoch + 1n,
    'the ring skips an epoch',
  );
  for (const node of after.nodes.values()) {
    const known = before.nodes.get(node.id);
    if (known === undefined) {
      assert(node.state === 'JOINING', `${node.id} begins as ${node.state}`);
      continue;
    }
    assert(node.generationId >= known.generationId, `${node.id} falls back to generation ${node.generationId}`);
    const isDown = node.state === 'DOWN' && known.state !== 'DOWN';
    assert(
      !isDown || known.state === 'SUSPECT' || known.state === 'DRAINING',
      `${node.id} is DOWN from ${known.state}`,
    );
  }
  for (const id of update.nodesRemoved) {
    const isPlaced = after.ring.nodes.some(({ nodeId }) => nodeId === id);
    assert(!isPlaced && !after.partitions.some(({ primaryId }) => primaryId === id), `${id} leaves with data on it`);
  }
}

function assert(holds: boolean, violation: string): void {
  if (!holds) throw new InvariantViolation(violation);
}
