import { StratumError } from '../../src/base/errors.ts';
import type { LogFields, Logger } from '../../src/base/log.ts';
import type { TopologyCommand } from '../../src/topology/commands.ts';
import { readyState } from '../../src/topology/node-transitions.ts';
import type { NodeRole, TopologyUpdate } from '../../src/topology/topology.ts';
import { sampleRegistration, sampleSettings } from '../unit/topology/sample-cluster.ts';
import { SimChecker } from './sim-checker.ts';
import { SimCoordinator, simPrefix, topologyOf } from './sim-coordinator.ts';
import { SimNetwork } from './sim-network.ts';
import { SimNode } from './sim-node.ts';
import { type SimStoreFaults, SimStoreServer } from './sim-store-server.ts';
import type { SimWorld } from './sim-world.ts';

const settings = sampleSettings({
  partitions: 4,
  bootstrapExpectObject: 2,
  bootstrapExpectMetadata: 1,
  heartbeatIntervalMs: 700,
  suspectTimeoutMs: 2_000,
  downTimeoutMs: 3_500,
});

/** How many nodes there may be at once; more would only be slower. */
const nodesMax = 6;

const roles: readonly NodeRole[] = ['frontend', 'metadata', 'object'];

/** Three coordinators on one store, and nodes that come and go, all in one world. */
export class SimCluster {
  readonly network: SimNetwork;
  readonly server: SimStoreServer;
  readonly checker: SimChecker;
  readonly coordinators: readonly SimCoordinator[];
  readonly #world: SimWorld;
  readonly #log: (name: string) => Logger;
  /** The present process of each node. */
  readonly #nodes = new Map<string, SimNode>();
  readonly #generations = new Map<string, bigint>();
  readonly #ending = new Set<SimNode>();
  #guests = 0;

  constructor(faults: SimStoreFaults, modules: { readonly world: SimWorld }) {
    const { world } = modules;
    this.#world = world;
    this.#log = (name) => traceLog(world, name);
    this.network = new SimNetwork({ world });
    this.server = new SimStoreServer(faults, { world });
    const historyMax = world.random.pick([4, 12, 1_000]);
    const leaderGraceMs = world.random.pick([1_500, 4_500]);
    const repeatRate = world.random.pick([0, 0.05]);
    const { server, network } = this;
    const leaderKey = () => server.key(`${simPrefix}leader`);
    this.checker = new SimChecker({ prefix: simPrefix, historyMax }, { world, leaderKey });
    this.server.onApplied = (commit) => this.checker.applied(commit);
    const { checker } = this;
    const log = this.#log;
    this.coordinators = ['coordinator-1', 'coordinator-2', 'coordinator-3'].map(
      (nodeId) =>
        new SimCoordinator(
          { nodeId, settings, historyMax, leaderGraceMs, repeatRate },
          { world, network, server, checker, log },
        ),
    );
  }

  get nodes(): readonly SimNode[] {
    return [...this.#nodes.values()];
  }

  get faultyHosts(): readonly string[] {
    return [...this.coordinators.map(({ name }) => name), ...this.#nodes.keys()];
  }

  start(): void {
    for (const coordinator of this.coordinators) {
      this.#world.schedule(this.#world.random.between(0, 200), () => coordinator.start());
    }
    for (const role of roles) this.join(role);
  }

  /** A new node comes. */
  join(role: NodeRole): void {
    if (this.#nodes.size >= nodesMax) return;
    const number = [1, 2, 3, 4, 5, 6].find((each) => !this.#nodes.has(`${role}-${each}`)) ?? 7;
    this.#startNode(`${role}-${number}`, role);
  }

  /** The same node in a new process; the one before has ended, or goes on as a zombie. */
  replace(node: SimNode, choice: { readonly wasKilled: boolean }): void {
    if (choice.wasKilled) node.kill();
    else this.#ending.add(node);
    const [role = 'frontend'] = node.registration.roles;
    this.#startNode(node.id, role);
  }

  /** It ends in order, and is not awaited any more. */
  end(node: SimNode, choice: { readonly leaves: boolean }): void {
    this.#nodes.delete(node.id);
    this.#ending.add(node);
    node.stop(choice).then(
      () => this.#ending.delete(node),
      (error: unknown) => this.checker.assert(false, () => `${node.id} does not stop: ${String(error)}`),
    );
  }

  /** Somebody asks a coordinator for a change, whether it leads or not; what was promised must hold. */
  propose(coordinator: SimCoordinator): void {
    const { random } = this.#world;
    const { consensus } = coordinator;
    const command = consensus === undefined ? undefined : this.#someCommand(random.integer(0, 5));
    if (consensus === undefined || command === undefined) return;
    consensus.propose(command).then(
      ({ update }) => this.#promised(coordinator, update),
      (error: unknown) => this.#assertKnown(`a proposal at ${coordinator.name}`, error),
    );
  }

  transfer(coordinator: SimCoordinator, targetId: string | undefined): void {
    coordinator.consensus?.transfer(targetId).then(
      ({ leaderId }) => this.#world.note(() => `${coordinator.name} has handed over to ${leaderId}`),
      (error: unknown) => this.#assertKnown(`a transfer at ${coordinator.name}`, error),
    );
  }

  /** After every event. */
  assertSane(): void {
    for (const coordinator of this.coordinators) coordinator.assertSane();
  }

  /** Everything works again, and nothing else breaks. */
  heal(): void {
    this.#world.note(() => 'all faults end');
    this.server.endElection();
    this.network.mendAll();
    for (const coordinator of this.coordinators) {
      coordinator.resume();
      coordinator.start();
    }
    for (const node of [...this.#nodes.values(), ...this.#ending]) node.process.resume();
  }

  /** What is not yet as it must be in the end; undefined when the cluster has settled. */
  unsettled(): string | undefined {
    const { topology } = this.checker;
    if (topology === undefined) return 'there is no topology';
    const leaders = this.coordinators.filter(({ consensus }) => consensus?.leadership().isLeader === true);
    const [leader] = leaders;
    if (leader === undefined || leaders.length > 1) return `${leaders.length} coordinators lead`;
    for (const { name, consensus } of this.coordinators) {
      if (consensus === undefined) return `${name} does not run`;
      const { version } = topologyOf(consensus) ?? {};
      if (version !== topology.version) return `${name} has version ${version} of ${topology.version}`;
      const { leaderId } = consensus.leadership();
      if (leaderId !== leader.name) return `${name} takes ${leaderId} for the leader, and ${leader.name} is`;
    }
    for (const node of this.#nodes.values()) {
      if (node.refusal !== undefined) return `${node.id} was refused: ${node.refusal.message}`;
      const known = topology.nodes.get(node.id);
      if (known?.generationId !== node.registration.generationId) return `${node.id} is not registered`;
      const expected = readyState(topology, known);
      if (known.state !== expected) return `${node.id} is ${known.state}, and should be ${expected}`;
      const { version } = node.view.current() ?? {};
      if (version !== topology.version) return `the view of ${node.id} has ${version} of ${topology.version}`;
    }
    return undefined;
  }

  #startNode(id: string, role: NodeRole): void {
    const generationId = (this.#generations.get(id) ?? 0n) + 1n;
    this.#generations.set(id, generationId);
    const { network, checker, coordinators } = this;
    const node = new SimNode(
      { id, generationId, role },
      { world: this.#world, network, checker, coordinators, log: this.#log },
    );
    this.#nodes.set(id, node);
    node.start();
  }

  #someCommand(choice: number): TopologyCommand | undefined {
    const { random } = this.#world;
    const nowMs = Math.floor(this.#world.nowMs);
    const nodes = [...(this.checker.topology?.nodes.values() ?? [])];
    const node = nodes.length === 0 ? undefined : random.pick(nodes);
    const by = { actor: 'operator', reason: 'simulation' };
    if (choice === 0 && node !== undefined) {
      const intent = node.intent === 'SERVE' ? 'DRAIN' : 'SERVE';
      return {
        kind: 'set-node-intent',
        atMs: nowMs,
        nodeId: node.id,
        intent,
        expectedVersion: undefined,
        by,
      };
    }
    if (choice === 1 && node !== undefined && node.id.startsWith('guest-')) {
      return { kind: 'deregister-node', atMs: nowMs, nodeId: node.id, generationId: node.generationId };
    }
    // A guest is registered and never heard of again.
    this.#guests += 1;
    const guest = sampleRegistration({ id: `guest-${this.#guests}`, roles: ['frontend'] });
    return { kind: 'register-node', atMs: nowMs, node: guest, afterCleanStop: true };
  }

  #promised(coordinator: SimCoordinator, update: TopologyUpdate | undefined): void {
    if (update !== undefined) this.checker.assertCommitted(`a proposer at ${coordinator.name}`, update);
  }

  /** Callers can act on an error only when it has a code that says something. */
  #assertKnown(what: string, error: unknown): void {
    const isKnown = error instanceof StratumError && error.code !== 'INTERNAL' && error.code !== 'DATA_CORRUPT';
    this.checker.assert(isKnown, () => `${what} fails with ${String(error)}`);
    this.#world.note(() => `${what} fails: ${String(error)}`);
  }
}

function traceLog(world: SimWorld, name: string): Logger {
  const at = (level: string) => (fields: LogFields, message: string) => {
    world.note(() => `${name}: ${level} ${message} ${fieldsText(fields)}`);
  };
  const log: Logger = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error'), child: () => log };
  return log;
}

function fieldsText(fields: LogFields): string {
  return JSON.stringify(fields, (_key, value: unknown) => (typeof value === 'bigint' ? String(value) : value));
}
