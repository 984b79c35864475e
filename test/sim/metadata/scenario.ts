import { simRandom } from '../sim-random.ts';
import { SimWorld } from '../sim-world.ts';
import { settled } from './metadata-schedule.ts';
import { type SimClusterOptions, SimMetadataCluster, type SimNodeHost } from './sim-metadata-cluster.ts';
import type { SimPusher, SimRepo } from './sim-pusher.ts';

/** How long a wait may take, in milliseconds of the world. */
const waitMaxMs = 60_000;

/** A cluster of three metadata nodes with one partition in which a test lets things happen one after the other. */
export class Scenario {
  readonly world: SimWorld;
  readonly cluster: SimMetadataCluster;
  readonly pusher: SimPusher;
  readonly lines: string[] = [];

  private constructor(seed: number, options: Partial<SimClusterOptions>) {
    this.world = new SimWorld({ random: simRandom(seed), trace: (line) => this.lines.push(line) });
    const sizes = { nodes: 3, partitions: 1, pushers: 0, driftMax: 0.05, logEntries: 1_000, ...options };
    this.cluster = new SimMetadataCluster(sizes, { world: this.world });
    this.pusher = this.cluster.newPusher('client');
  }

  /** A cluster that serves, with all replicas in sync. */
  static async serving(seed: number, options: Partial<SimClusterOptions> = {}): Promise<Scenario> {
    const scenario = new Scenario(seed, options);
    scenario.cluster.start();
    await scenario.done(scenario.cluster.prepare());
    await scenario.until('all serves', () => scenario.cluster.unsettled() === undefined);
    return scenario;
  }

  get repo(): SimRepo {
    return this.cluster.repos[0]!;
  }

  get inSync(): readonly string[] {
    return this.cluster.partition(0).inSync;
  }

  get epoch(): bigint {
    return this.cluster.partition(0).epoch;
  }

  get primary(): SimNodeHost {
    return this.cluster.host(this.cluster.partition(0).primaryId);
  }

  /** The nodes that are not the primary. */
  get others(): readonly [SimNodeHost, SimNodeHost] {
    const [one, other] = this.cluster.hosts.filter((host) => host !== this.primary);
    return [one!, other!];
  }

  /** Time goes on. */
  async pass(forMs: number): Promise<void> {
    const untilMs = this.world.nowMs + forMs;
    while (await this.world.step(untilMs)) this.#assertSound();
  }

  async until(what: string, isSo: () => boolean): Promise<void> {
    const untilMs = this.world.nowMs + waitMaxMs;
    while (!isSo()) {
      this.#assertSound();
      if (!(await this.world.step(untilMs)))
        throw new Error(`${waitMaxMs} ms later not yet: ${what}\n${this.#story()}`);
    }
  }

  async done<T>(work: Promise<T>): Promise<T> {
    let isDone = false;
    const end = () => {
      isDone = true;
    };
    work.then(end, end);
    await this.until('it is done', () => isDone);
    return work;
  }

  /** Pushes that go on beside what follows. */
  keepPushing(forMs: number, pushers = 3): void {
    for (let number = 1; number <= pushers; number += 1) {
      const pusher = this.cluster.newPusher(`busy-${number}`);
      void pusher.run(this.world.nowMs + forMs, 10);
    }
  }

  /** A push that is acknowledged. */
  async push(): Promise<void> {
    for (let isPushed = false; !isPushed; ) {
      await this.done(this.pusher.read(this.repo, Number.POSITIVE_INFINITY));
      isPushed = await this.done(this.pusher.push(this.repo, Number.POSITIVE_INFINITY));
    }
  }

  /** What a node answers to a read in this very moment; undefined when it refuses. */
  readAt(host: SimNodeHost): ReadonlyMap<string, string> | undefined {
    return host.node?.readRefs(this.repo);
  }

  /** Whether the cluster counts on the node's present process. */
  isReady(host: SimNodeHost): boolean {
    const known = this.cluster.topology.nodes.get(host.name);
    return known?.generationId === host.generation && known.state === 'ACTIVE';
  }

  /** Takes a node out of the in-sync set by a crash. */
  async fallOut(host: SimNodeHost): Promise<void> {
    this.cluster.crashNode(host);
    await this.until(`${host.name} is out of the in-sync set`, () => !this.inSync.includes(host.name));
  }

  /** An operator makes another in-sync replica the primary. */
  async move(host: SimNodeHost): Promise<void> {
    const { leader } = this.cluster.coordinator;
    await this.done(leader?.movePrimary(this.cluster.partition(0), host.name) ?? Promise.resolve());
  }

  cutBoth(one: string, other: string): void {
    this.cluster.network.cut(one, other);
    this.cluster.network.cut(other, one);
  }

  /** All mended: it serves again, all replicas in sync, every acknowledged push is there, and the histories have an order. */
  async finish(): Promise<void> {
    await settled(this.cluster, this.world);
    this.#assertSound();
  }

  #assertSound(): void {
    const { failure } = this.cluster;
    if (failure !== undefined) throw new Error(`${failure.message}\n${this.#story()}`);
  }

  #story(): string {
    return this.lines.slice(-80).join('\n');
  }
}
