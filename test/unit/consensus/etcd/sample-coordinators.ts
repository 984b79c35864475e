import { systemClock } from '../../../../src/base/clock.ts';
import { systemRandom } from '../../../../src/base/random.ts';
import type { Consensus } from '../../../../src/consensus/consensus.ts';
import type { CoordinationStore } from '../../../../src/consensus/etcd/coordination-store.ts';
import { EtcdConsensus } from '../../../../src/consensus/etcd/etcd-consensus.ts';
import { EtcdStore } from '../../../../src/consensus/etcd/etcd-store.ts';
import { leading } from '../../../conformance/consensus.ts';
import type { EtcdProcess } from '../../../conformance/etcd-process.ts';
import { recordingLog } from '../../base/recording-log.ts';
import { emptyCluster } from '../../topology/sample-cluster.ts';

/** How a coordinator of a test differs from the others. */
export interface CoordinatorChoice {
  readonly historyMax?: number;
  readonly ownMembers?: boolean;
  /** What stands between the coordinator and etcd. */
  readonly through?: (store: CoordinationStore) => CoordinationStore;
}

/** Leases as short as etcd gives them. */
export const leaseMs = 2_000;

let clusters = 0;

/** Coordinators of one cluster on a real etcd. */
export class SampleCoordinators {
  readonly prefix: string;
  readonly #etcd: EtcdProcess;
  readonly #running = new Set<Consensus>();

  constructor(etcd: EtcdProcess) {
    clusters += 1;
    this.prefix = `/test/${process.pid}/${clusters}/`;
    this.#etcd = etcd;
  }

  /** A store of its own. */
  store(callTimeoutMs = 1_500): EtcdStore {
    return new EtcdStore(
      { endpoints: [this.#etcd.endpoint], prefix: this.prefix, asksMembers: true, callTimeoutMs },
      { clock: systemClock },
    );
  }

  /** A coordinator that has been started; who leads is not known yet. */
  async start(nodeId: string, choice: CoordinatorChoice = {}) {
    const { historyMax = 100, ownMembers = false, through = (store) => store } = choice;
    const log = recordingLog();
    const modules = { store: through(this.store()), clock: systemClock, random: systemRandom, log };
    const address = () => `127.0.0.1:${7480 + Number(nodeId.slice(-1))}`;
    const consensus = new EtcdConsensus(
      { nodeId, address, leaseMs, initialTopology: () => emptyCluster(), ownMembers, historyMax },
      modules,
    );
    this.#running.add(consensus);
    await consensus.start(new AbortController().signal);
    return { consensus, log };
  }

  /** A coordinator that leads. */
  async startLeader(nodeId: string, choice: CoordinatorChoice = {}) {
    const started = await this.start(nodeId, choice);
    await leading(started.consensus);
    return started;
  }

  /** Resolves when the coordinators have said that they are alive. */
  async whenAlive(...nodeIds: readonly string[]): Promise<void> {
    const store = this.store();
    const missing = new Set(nodeIds.map((id) => `coordinators/${id}`));
    const { revision, keys } = await store.read([{ start: 'coordinators/', end: 'coordinators0' }]);
    for (const { key } of keys) missing.delete(key);
    if (missing.size > 0) {
      for await (const { events } of store.watch(revision + 1n, new AbortController().signal)) {
        for (const { name } of events) missing.delete(name);
        if (missing.size === 0) break;
      }
    }
    store.close();
  }

  async stop(consensus: Consensus): Promise<void> {
    this.#running.delete(consensus);
    await consensus.stop();
  }

  async stopAll(): Promise<void> {
    await Promise.all([...this.#running].map((consensus) => this.stop(consensus)));
  }
}

/** Resolves when the copy has come to a version. */
export async function reaches(consensus: Consensus, version: bigint): Promise<void> {
  const isThere = () => {
    try {
      return consensus.current().version >= version;
    } catch {
      return false; // It has not read a topology yet.
    }
  };
  if (isThere()) return;
  await new Promise<void>((resolve) => {
    const end = consensus.subscribe(() => {
      if (!isThere()) return;
      end();
      resolve();
    });
  });
}

/** Resolves when a condition on the leadership holds. */
export async function whenLeadership(
  consensus: Consensus,
  holds: (leadership: ReturnType<Consensus['leadership']>) => boolean,
): Promise<void> {
  if (holds(consensus.leadership())) return;
  await new Promise<void>((resolve) => {
    const end = consensus.onLeadership((leadership) => {
      if (!holds(leadership)) return;
      end();
      resolve();
    });
  });
}
