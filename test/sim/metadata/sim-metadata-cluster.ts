import type { LogFields, Logger } from '../../../src/base/log.ts';
import { createTopology } from '../../../src/topology/create-topology.ts';
import type { Partition, Topology } from '../../../src/topology/topology.ts';
import { sampleSettings } from '../../unit/topology/sample-cluster.ts';
import { checkLinearizable } from '../linearizability/check-linearizable.ts';
import { HistoryRecorder } from '../linearizability/history.ts';
import { repositoryModel } from '../linearizability/repository-model.ts';
import { fairWeather, SimNetwork } from '../sim-network.ts';
import type { SimWorld } from '../sim-world.ts';
import { LogWatch, MetadataViolation } from './log-watch.ts';
import { fairCalls, SimCalls } from './sim-calls.ts';
import type { AgreedTopology } from './sim-consensus.ts';
import { fastDisk, SimDisk } from './sim-disk.ts';
import { SimLeader, watchHost } from './sim-leader.ts';
import { type NodeHost, SimMetadataNode } from './sim-metadata-node.ts';
import { type AcknowledgedPush, SimPusher, type SimRepo } from './sim-pusher.ts';
import type { LeaderHost } from './sim-topology-view.ts';

/** Sizes of a simulated cluster. */
export interface SimClusterOptions {
  readonly nodes: number;
  readonly partitions: number;
  readonly pushers: number;
  /** By how much clocks run too fast or too slow at most. */
  readonly driftMax: number;
  /** Entries of each log that are kept: with few, replicas that were away need whole copies. */
  readonly logEntries: number;
}

/** A node of the cluster beyond its processes. */
export interface SimNodeHost extends NodeHost {
  disk: SimDisk;
  readonly clockRate: number;
  generation: bigint;
  disks: number;
  wallMs: number;
}

const firstWallMs = 1_700_000_000_000;

/** How long a refused process takes until somebody starts it again, in milliseconds. */
const refusedRestartMs = 2_000;

/** Metadata nodes, the leading coordinator and clients in one world. */
export class SimMetadataCluster {
  readonly network: SimNetwork;
  readonly calls: SimCalls;
  readonly hosts: readonly SimNodeHost[];
  readonly coordinator: LeaderHost = { name: 'coordinator', process: undefined, leader: undefined };
  readonly repos: readonly SimRepo[];
  readonly pushers: readonly SimPusher[];
  readonly agreed: AgreedTopology;
  readonly watch: LogWatch;
  readonly acknowledged: AcknowledgedPush[] = [];
  readonly #world: SimWorld;
  #failure: MetadataViolation | undefined;
  readonly #logEntries: number;
  #ids = 0;
  #terms = 0n;
  /** Told when a node has come into a partition's in-sync set, before anybody else hears of it. */
  onAddition: (partition: Partition, added: string) => void = () => undefined;
  /** Told when a partition has another primary, before anybody else hears of it. */
  onFailover: (formerId: string) => void = () => undefined;
  /** Epochs that had another primary than the one before. */
  failovers = 0;

  constructor(
    { nodes, partitions, pushers, driftMax, logEntries }: SimClusterOptions,
    modules: { readonly world: SimWorld },
  ) {
    const { world } = modules;
    this.#world = world;
    this.#logEntries = logEntries;
    this.network = new SimNetwork({ world });
    this.calls = new SimCalls({ world, network: this.network });
    this.watch = new LogWatch({ fail: (message) => this.fail(message) });
    const settings = sampleSettings({
      partitions,
      bootstrapExpectObject: 100,
      bootstrapExpectMetadata: Math.min(3, nodes),
      heartbeatIntervalMs: 1_000,
      suspectTimeoutMs: 2_500,
      downTimeoutMs: 4_000,
      metadataLeaseMs: 1_000,
    });
    this.agreed = {
      topology: createTopology('simulated', settings),
      onChange: (topology) => this.#changed(topology),
    };
    this.hosts = Array.from({ length: nodes }, (_, at) => {
      const name = `metadata-${at + 1}`;
      const clockRate = 1 + world.random.between(-driftMax, driftMax);
      const wallMs = firstWallMs + world.random.integer(-2_000, 2_000);
      return {
        name,
        clockRate,
        wallMs,
        process: undefined,
        node: undefined,
        generation: 0n,
        disks: 1,
        disk: this.#newDisk(`${name}-disk-1`),
      };
    });
    this.repos = Array.from({ length: partitions }, (_, partition) => ({
      name: `org/repo-${partition}`,
      id: partition.toString(16).padStart(32, '0'),
      partition,
      recorder: new HistoryRecorder(),
    }));
    this.pushers = Array.from({ length: pushers }, (_, at) => this.newPusher(`client-${at + 1}`));
  }

  newPusher(name: string): SimPusher {
    const { calls, hosts, repos } = this;
    return new SimPusher(
      { name },
      {
        world: this.#world,
        calls,
        hosts,
        repos,
        newId: () => this.#newId(),
        onAcknowledged: (push) => this.#acknowledge(push),
        fail: (message) => this.fail(message),
      },
    );
  }

  /** The first violation; what follows may follow from it. */
  get failure(): MetadataViolation | undefined {
    return this.#failure;
  }

  fail(message: string): void {
    if (this.#failure !== undefined) return;
    this.#failure = new MetadataViolation(`at ${this.#world.nowMs.toFixed(1)} ms: ${message}`);
    this.#world.note(() => `VIOLATION: ${message}`);
  }

  get topology(): Topology {
    return this.agreed.topology;
  }

  partition(id: number): Partition {
    const partition = this.topology.partitions[id];
    if (partition === undefined) throw new Error(`no partition ${id}`);
    return partition;
  }

  host(name: string): SimNodeHost {
    const host = this.hosts.find((each) => each.name === name);
    if (host === undefined) throw new Error(`no node ${name}`);
    return host;
  }

  start(): void {
    this.startLeader();
    for (const host of this.hosts) this.startNode(host);
  }

  startLeader(): void {
    if (this.coordinator.leader !== undefined) return;
    this.#terms += 1n;
    const { network, agreed } = this;
    const world = this.#world;
    const leader = new SimLeader(
      { term: this.#terms, wallMs: firstWallMs },
      { world, network, agreed, log: traceLog(world, 'coordinator') },
    );
    this.coordinator.leader = leader;
    this.coordinator.process = leader.process;
    world.note(() => 'the coordinator starts');
    leader.start();
  }

  crashLeader(): void {
    this.#world.note(() => 'the coordinator crashes');
    this.coordinator.leader?.kill();
    this.coordinator.leader = undefined;
    this.coordinator.process = undefined;
  }

  startNode(host: SimNodeHost): void {
    if (host.node !== undefined) return;
    const world = this.#world;
    host.generation += 1n;
    const { name: id, clockRate, generation: generationId, disk } = host;
    const wallMs = host.wallMs + world.nowMs;
    const node = new SimMetadataNode(
      { id, generationId, clockRate, wallMs: wallMs - world.nowMs },
      {
        world,
        disk,
        calls: this.calls,
        retention: { entries: this.#logEntries, bytes: 2 ** 20 },
        coordinator: this.coordinator,
        peers: (nodeId) => this.hosts.find(({ name }) => name === nodeId),
        log: traceLog(world, `${id}#${generationId}`),
      },
    );
    host.node = node;
    host.process = node.process;
    world.note(() => `${id} starts, generation ${generationId}, disk ${disk.id}`);
    node.start();
  }

  /** SIGKILL, or the machine loses power: what is not durable is gone. */
  crashNode(host: SimNodeHost): void {
    const { node } = host;
    if (node === undefined) return;
    this.#world.note(() => `${host.name} crashes`);
    node.process.kill();
    this.network.hostEnded(host.name);
    host.disk.crash(this.#world.random.chance(0.5));
    host.node = undefined;
    host.process = undefined;
  }

  /** SIGTERM. */
  async stopNode(host: SimNodeHost): Promise<void> {
    const { node } = host;
    if (node === undefined) return;
    this.#world.note(() => `${host.name} is stopped`);
    await node.stop();
    // Somebody may have killed it meanwhile.
    if (host.node !== node) return;
    this.#world.note(() => `${host.name} has stopped`);
    node.process.kill();
    this.network.hostEnded(host.name);
    host.node = undefined;
    host.process = undefined;
  }

  /** A new disk in place of the old one; the node must not run. */
  wipe(host: SimNodeHost): void {
    host.disks += 1;
    host.disk = this.#newDisk(`${host.name}-disk-${host.disks}`);
    this.#world.note(() => `${host.name} gets ${host.disk.id}`);
  }

  /**
   * Whether all would be there still without this node's disk: the loss of one machine and not of a second one before
   * the cluster has taken the first one's place back.
   */
  canLose(host: SimNodeHost): boolean {
    const others = this.hosts.filter((other) => other !== host);
    if (!others.every((other) => this.#hasItsDisk(other.name))) return false;
    return this.topology.partitions.every(({ inSync, epoch }) => epoch > 0n && inSync.some((id) => id !== host.name));
  }

  /** Whether the cluster knows a node's disk as it is now. */
  #hasItsDisk(id: string): boolean {
    return this.host(id).disk.id === this.topology.nodes.get(id)?.diskId;
  }

  /** Ends all faults; what is down comes up. */
  heal(): void {
    this.onAddition = () => undefined;
    this.onFailover = () => undefined;
    const world = this.#world;
    world.note(() => 'all is mended');
    this.network.weather = fairWeather;
    this.calls.weather = fairCalls;
    this.network.mendAll();
    for (const host of this.hosts) {
      this.network.mend(watchHost, host.name);
      host.disk.isFull = false;
      host.disk.speed = fastDisk;
      host.process?.resume();
      this.startNode(host);
    }
    this.coordinator.process?.resume();
    this.startLeader();
    this.#restartRefused();
  }

  /** Creates the repositories; resolves when they are there. */
  async prepare(): Promise<void> {
    const setup = this.newPusher('setup');
    for (const repo of this.repos) await setup.create(repo);
  }

  /** Why not all serves with all its replicas; undefined when it does. */
  unsettled(): string | undefined {
    for (const { id, primaryId, inSync, replicas } of this.topology.partitions) {
      const { node } = this.host(primaryId);
      if (node === undefined) return `partition ${id} has its primary at ${primaryId}, which does not run`;
      if (inSync.length < Math.min(3, this.hosts.length)) {
        return `partition ${id} has in sync ${inSync.join(' ')} of ${replicas.join(' ')}, primary ${primaryId}; ${progressAt(node, id)}`;
      }
      if (!node.replicas.access.served().includes(id)) return `partition ${id} is not served by ${primaryId}`;
    }
    return undefined;
  }

  /** Every history has an order; every acknowledged push is on every in-sync replica. */
  assertHistories(): void {
    for (const { name, recorder } of this.repos) {
      const { result, stuckAt } = checkLinearizable(repositoryModel, recorder.history);
      if (result !== 'linearizable') this.fail(`the history of ${name} is ${result}: ${stuckAt.map(shown).join('; ')}`);
    }
    for (const push of this.acknowledged) this.#assertDurable(push, 'at the end');
  }

  #acknowledge(push: AcknowledgedPush): void {
    this.acknowledged.push(push);
    this.#assertDurable(push, 'when it is acknowledged');
  }

  /** Whoever can become the primary has it on disk (invariant 1). A disk that is no longer the registered one counts for nobody. */
  #assertDurable({ repo, pushId }: AcknowledgedPush, when: string): void {
    const { inSync, epoch } = this.partition(repo.partition);
    for (const id of inSync) {
      const { disk } = this.host(id);
      if (!this.#hasItsDisk(id)) continue;
      if (!this.watch.holds(disk, repo.partition, pushId)) {
        this.fail(
          `push ${pushId.slice(0, 6)} to ${repo.name} is not on ${disk.id} in epoch ${epoch} ${when} (invariant 1)`,
        );
      }
    }
  }

  #changed({ partitions }: Topology): void {
    for (const partition of partitions) {
      const { id, primaryId, epoch, inSync } = partition;
      const before = this.#partitions.get(id);
      this.#partitions.set(id, partition);
      if (before === undefined || before.epoch === epoch) continue;
      if (before.primaryId !== primaryId) {
        this.failovers += 1;
        if (before.epoch > 0n) this.onFailover(before.primaryId);
      }
      for (const push of this.acknowledged) {
        if (push.repo.partition === id) this.#assertDurable(push, 'after a change of the in-sync set');
      }
      const added = before.epoch > 0n ? inSync.find((node) => !before.inSync.includes(node)) : undefined;
      if (added !== undefined) this.onAddition(partition, added);
    }
  }

  /** As they were last. */
  readonly #partitions = new Map<number, Partition>();

  /**
   * Somebody beside each node who reads from it alone, again and again: whoever serves what is no longer true is
   * found out. What comes to a process that stands still waits for it.
   */
  keepReading(untilMs: number, meanPauseMs: number): void {
    const world = this.#world;
    for (const host of this.hosts) {
      const next = () => {
        if (world.nowMs >= untilMs) return;
        world.schedule(world.random.between(1, 2 * meanPauseMs), next);
        const { node } = host;
        if (node === undefined) return;
        const repo = world.random.pick(this.repos);
        const invocation = repo.recorder.invoke(`beside-${host.name}`, { kind: 'read' });
        let isAnswered = false;
        node.process.deliver(() => {
          const refs = node.readRefs(repo);
          isAnswered = true;
          if (refs === undefined) invocation.refused();
          else invocation.returned({ kind: 'refs', refs });
        });
        if (!isAnswered) world.note(() => `a read waits at ${host.name}`);
      };
      next();
    }
  }

  /** Whoever the cluster refuses is started again by somebody, as long as it is refused. */
  #restartRefused(): void {
    for (const host of this.hosts) {
      if (host.node?.refusal === undefined) continue;
      this.crashNode(host);
      this.startNode(host);
    }
    this.#world.schedule(refusedRestartMs, () => this.#restartRefused());
  }

  #newDisk(id: string): SimDisk {
    const disk = new SimDisk({ id });
    disk.onChange = (...change) => this.watch.changed(...change);
    return disk;
  }

  #newId(): string {
    this.#ids += 1;
    return this.#ids.toString(16).padStart(40, '0');
  }
}

function shown({
  client,
  input,
  output,
  invokedAt,
  returnedAt,
}: {
  client: string;
  input: unknown;
  output: unknown;
  invokedAt: number;
  returnedAt: number;
}): string {
  const text = (value: unknown) =>
    JSON.stringify(value, (_, each) => (each instanceof Map ? Object.fromEntries(each) : each)) ?? 'unknown';
  return `${client} ${invokedAt}..${returnedAt} ${text(input)} -> ${text(output)}`;
}

/** What a primary knows of the other replicas of a partition. */
function progressAt({ replicas }: SimMetadataNode, partition: number): string {
  const replica = replicas.replicas.get(partition);
  const members = [...(replica?.term?.members.values() ?? [])].map(
    ({ nodeId, generation, matchIndex, nextIndex, lastError }) =>
      `${nodeId}#${generation} matches to ${matchIndex}, next ${nextIndex}${lastError === undefined ? '' : `, ${lastError.message}`}`,
  );
  return `log ${replica?.disk.log.base.index} to ${replica?.disk.log.last.index}, committed ${replica?.committedIndex}; ${members.join('; ')}`;
}

function traceLog(world: SimWorld, name: string): Logger {
  const line = (fields: LogFields, message: string) =>
    world.note(
      () =>
        `${name}: ${message} ${Object.entries(fields)
          .map(([key, value]) => `${key}=${String(value)}`)
          .join(' ')}`,
    );
  return { debug: line, info: line, warn: line, error: line, child: () => traceLog(world, name) };
}
