import { withDeadline } from '../../../src/base/deadline.ts';
import { hasCode, StratumError } from '../../../src/base/errors.ts';
import type { Logger } from '../../../src/base/log.ts';
import { Membership } from '../../../src/node/membership.ts';
import { RefsCache } from '../../../src/node/metadata/refs-cache.ts';
import { MetadataReplicas } from '../../../src/node/metadata/replication/metadata-replicas.ts';
import type { ProposedChange, SilentPartition } from '../../../src/node/metadata/replication/partition-authority.ts';
import type { LogRetention } from '../../../src/node/metadata/replication/replica-log.ts';
import type { ReplicaPeer } from '../../../src/node/metadata/replication/replica-peer.ts';
import { readRefs, readRepo } from '../../../src/node/metadata/repo-state.ts';
import {
  AppendEntriesRequest,
  AppendEntriesResponse,
  BeaconRequest,
  BeaconResponse,
  FetchSnapshotRequest,
  FetchSnapshotResponse,
} from '../../../src/rpc/gen/stratum/v1/metadata.ts';
import { NodeStats } from '../../../src/rpc/gen/stratum/v1/types.ts';
import type { Topology } from '../../../src/topology/topology.ts';
import { sampleRegistration } from '../../unit/topology/sample-cluster.ts';
import { SimProcess } from '../sim-process.ts';
import { simRandom } from '../sim-random.ts';
import type { SimWorld } from '../sim-world.ts';
import { driftingClock } from './drifting-clock.ts';
import type { SimCalls, SimHost } from './sim-calls.ts';
import { type SimDisk, SimMetadataStore } from './sim-disk.ts';
import type { SimLeader } from './sim-leader.ts';
import type { SimRepo } from './sim-pusher.ts';
import { type LeaderHost, leaderOf, SimTopologyView } from './sim-topology-view.ts';

/** One try of a call to the coordinator, in milliseconds. */
const coordinatorTimeoutMs = 700;

/** Between two tries. */
const coordinatorPauseMs = 100;

/** Where a metadata node is found, and its present process. */
export interface NodeHost extends SimHost {
  node: SimMetadataNode | undefined;
}

const neverAborted = new AbortController().signal;

/** What a process of a metadata node works with. */
export interface SimNodeModules {
  readonly world: SimWorld;
  readonly calls: SimCalls;
  readonly disk: SimDisk;
  readonly coordinator: LeaderHost;
  readonly peers: (nodeId: string) => NodeHost | undefined;
  /** How much of each log is kept. */
  readonly retention: LogRetention;
  readonly log: Logger;
}

/** One process of a metadata node: production's replicas and membership, on a simulated clock, disk and network. */
export class SimMetadataNode {
  readonly process: SimProcess;
  readonly replicas: MetadataReplicas;
  readonly disk: SimDisk;
  readonly refs: RefsCache;
  readonly generationId: bigint;
  /** Refused by the cluster: nothing comes of this process. */
  refusal: StratumError | undefined;
  readonly #modules: SimNodeModules;
  readonly #membership: Membership;
  readonly #view: SimTopologyView;
  readonly #store: SimMetadataStore;
  #silent: readonly SilentPartition[] = [];

  constructor(
    options: {
      readonly id: string;
      readonly generationId: bigint;
      readonly clockRate: number;
      readonly wallMs: number;
    },
    modules: SimNodeModules,
  ) {
    const { id, generationId, clockRate, wallMs } = options;
    const { world, disk, log } = modules;
    this.#modules = modules;
    this.generationId = generationId;
    this.disk = disk;
    this.process = new SimProcess({ name: id, wallMs }, { world });
    const { process } = this;
    const clock = driftingClock(process.clock, clockRate);
    const random = simRandom(world.random.integer(0, 2 ** 31));
    const view = new SimTopologyView({ ...modules, process });
    this.#view = view;
    this.#store = new SimMetadataStore({ disk, world, process });
    this.refs = new RefsCache();
    this.replicas = new MetadataReplicas(
      { nodeId: id, generationId, retention: modules.retention },
      {
        store: this.#store,
        topology: view,
        peers: { peer: (nodeId) => this.#peer(nodeId) },
        authority: {
          changePartition: (change, signal) => this.#changePartition(change, signal),
          reportSilent: (partitions) => {
            this.#silent = partitions;
            this.#membership.announce();
          },
        },
        clock,
        log,
        refs: this.refs,
      },
    );
    const afterCleanStop = disk.wasCleanlyStopped;
    disk.wasCleanlyStopped = false;
    const registration = sampleRegistration({ id, generationId, roles: ['metadata'], diskId: disk.id });
    this.#membership = new Membership(
      { registration, afterCleanStop },
      {
        client: {
          registerNode: (node, given) =>
            this.#atLeader('registerNode', given?.signal, (leader) =>
              leader.registerNode(node, given?.afterCleanStop ?? false),
            ),
          heartbeat: (report, given) =>
            this.#atLeader('heartbeat', given?.signal, (leader) => leader.heartbeat(report)),
          deregisterNode: () => Promise.reject(new Error('metadata nodes do not leave')),
        },
        view: {
          current: () => view.current(),
          catchUpTo: () => void view.refresh(neverAborted).catch(() => undefined),
        },
        clock,
        random,
        log,
        ready: () => true,
        stats: async () => NodeStats.fromPartial({}),
        silentPrimaries: () => this.#silent,
        onRefused: (error) => {
          this.refusal = error;
          log.warn({ code: error.code, error: error.message }, 'refused by the cluster');
        },
      },
    );
  }

  get id(): string {
    return this.process.name;
  }

  start(): void {
    this.#view.watch();
    void this.#membership.start();
    void this.replicas.start();
  }

  get topology(): Topology | undefined {
    return this.#view.current();
  }

  /** SIGTERM; resolves when all is on disk and the proof of it too. */
  async stop(): Promise<void> {
    await this.#membership.stop();
    await this.replicas.stop();
    await this.#store.close();
    this.disk.wasCleanlyStopped = true;
  }

  /** All refs, as the handler of GetRefs reads them; throws as PartitionAccess does. */
  read({ name, partition }: Pick<SimRepo, 'name' | 'partition'>): ReadonlyMap<string, string> {
    return this.replicas.access.read(partition, (state) => {
      const { repo } = readRepo(state, name);
      const refs = this.refs.read(repo, () => readRefs(state, repo.id));
      return new Map(refs.map(({ name: ref, objectId }) => [ref, objectId]));
    });
  }

  /** The same; undefined where it is refused. */
  readRefs(repo: SimRepo): ReadonlyMap<string, string> | undefined {
    try {
      return this.read(repo);
    } catch (error) {
      if (error instanceof StratumError) return undefined;
      throw error;
    }
  }

  #peer(nodeId: string): ReplicaPeer | undefined {
    const host = this.#modules.peers(nodeId);
    if (host === undefined) return undefined;
    const { calls } = this.#modules;
    const from = this.process;
    const target = () => {
      // The process that listens when the message arrives.
      const { node } = host;
      if (node === undefined) throw new Error(`${nodeId} has no process`);
      return node.replicas;
    };
    return {
      appendEntries: (request, signal) => {
        const bytes = AppendEntriesRequest.encode(request).finish();
        const call = { from, to: host, what: 'AppendEntries', signal, isRepeatable: true };
        return calls
          .unary(call, async () =>
            AppendEntriesResponse.encode(await target().appendEntries(AppendEntriesRequest.decode(bytes))).finish(),
          )
          .then((answer) => AppendEntriesResponse.decode(answer));
      },
      beacon: (request, signal) => {
        const bytes = BeaconRequest.encode(request).finish();
        const call = { from, to: host, what: 'Beacon', signal, isRepeatable: true };
        return calls
          .unary(call, async () => BeaconResponse.encode(await target().beacon(BeaconRequest.decode(bytes))).finish())
          .then((answer) => BeaconResponse.decode(answer));
      },
      fetchSnapshot: (request, signal) => {
        const bytes = FetchSnapshotRequest.encode(request).finish();
        const call = { from, to: host, what: 'FetchSnapshot', signal };
        return decoded(calls.stream(call, () => encoded(target().fetchSnapshot(FetchSnapshotRequest.decode(bytes)))));
      },
    };
  }

  /** As the client of the coordinators does it: again until an answer comes. */
  async #changePartition(change: ProposedChange, signal: AbortSignal): Promise<void> {
    for (;;) {
      try {
        await this.#atLeader('changePartition', signal, (leader) => leader.changePartition(this.id, change));
        return;
      } catch (error) {
        if (signal.aborted || !(hasCode(error, 'UNREACHABLE') || hasCode(error, 'DEADLINE_EXCEEDED'))) throw error;
        await this.process.clock.sleep(coordinatorPauseMs, signal);
      }
    }
  }

  /** One try. */
  #atLeader<T>(what: string, parent: AbortSignal | undefined, work: (leader: SimLeader) => Promise<T>): Promise<T> {
    const { calls, coordinator } = this.#modules;
    const call = { from: this.process, to: coordinator, what };
    const tryOnce = (signal: AbortSignal) => calls.unary({ ...call, signal }, () => work(leaderOf(coordinator)));
    return withDeadline(this.process.clock, what, coordinatorTimeoutMs, tryOnce, parent);
  }
}

async function* encoded(parts: AsyncIterable<FetchSnapshotResponse>): AsyncIterable<Uint8Array> {
  for await (const part of parts) yield FetchSnapshotResponse.encode(part).finish();
}

async function* decoded(parts: AsyncIterable<Uint8Array>): AsyncIterable<FetchSnapshotResponse> {
  for await (const part of parts) yield FetchSnapshotResponse.decode(part);
}
