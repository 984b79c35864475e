import { setTimeout as sleep } from 'node:timers/promises';
import type { Oid } from '../../src/base/oid.ts';
import { ObjectClient } from '../e2e/object-client.ts';
import { type SimRandom, simRandom } from '../sim/sim-random.ts';
import type { ChaosBlob, WriteKind } from './chaos-blob.ts';
import { ChaosCluster } from './chaos-cluster.ts';
import { ChaosWriters } from './chaos-writers.ts';
import { CopyCheck } from './copy-check.ts';
import type { StandbyProcess } from './standby-process.ts';
import { WatchedNodes } from './watched-nodes.ts';

/** When a node is killed: anywhere in the life of a batch, and of the start of the one before. */
const killAfterMsMax = 200;
/** How often the next node is killed while the last one is still starting. */
const overlapProbability = 0.2;
const retryPauseMs = 200;

/** Blobs that are looked at between two rounds: a second's work. */
const sampleMax = 2_000;

/** Below these a run has shown nothing: acknowledged blobs for each round, and kills in the midst of writes. */
const acknowledgedPerRoundMin: Readonly<Record<WriteKind, number>> = { batched: 4, single: 1, large: 0.2 };
const struckShareMin = 0.2;

/** Values of a run. */
export interface ObjectChaosOptions {
  /** The bundled object-process.ts. */
  readonly program: string;
  readonly rounds: number;
  readonly seed: number;
  /** Rounds between two checks of what was written since the last one. */
  readonly checkEvery: number;
  readonly tell: (line: string) => void;
}

/** What came of a run. */
export interface ObjectChaosResult {
  /** What must not have happened; empty for a good run. */
  readonly violations: readonly string[];
  /** Why the run has shown nothing. */
  readonly voidBecause: readonly string[];
  readonly acknowledged: Readonly<Record<WriteKind, number>>;
  readonly unacknowledged: number;
  /** Refused writes by their code. */
  readonly failures: Readonly<Record<string, number>>;
  /** Kills while a write to that node was under way. */
  readonly struck: number;
  readonly roundMs: number;
  /** Where the nodes' data is, when it was left for somebody to look at. */
  readonly folder: string | undefined;
}

/**
 * Rounds of SIGKILL of a random object node at a random moment in the midst of writes. In the end,
 * and now and then before: what a node has acknowledged it has, what the writer has acknowledged can be
 * read, and nothing is half there.
 */
export async function runObjectChaos(options: ObjectChaosOptions): Promise<ObjectChaosResult> {
  const cluster = await ChaosCluster.start(options.program);
  let isGood = false;
  try {
    const run = await ObjectChaos.begin(options, cluster);
    const result = await run.toTheEnd();
    isGood = result.violations.length === 0;
    return { ...result, folder: isGood ? undefined : cluster.folder };
  } finally {
    if (isGood) await cluster.remove();
    else await cluster.end();
  }
}

class ObjectChaos {
  readonly #options: ObjectChaosOptions;
  readonly #cluster: ChaosCluster;
  readonly #random: SimRandom;
  readonly #client: ObjectClient;
  readonly #watched: WatchedNodes;
  readonly #writers: ChaosWriters;
  readonly #check: CopyCheck;
  readonly #violations: string[] = [];
  /** Where the blobs begin that no check has chosen from. */
  #unchecked = 0;
  #struck = 0;

  private constructor(
    options: ObjectChaosOptions,
    modules: {
      readonly cluster: ChaosCluster;
      readonly client: ObjectClient;
      readonly watched: WatchedNodes;
      readonly blobs: Map<Oid, ChaosBlob>;
    },
  ) {
    const { cluster, client, watched, blobs } = modules;
    this.#options = options;
    this.#cluster = cluster;
    this.#client = client;
    this.#watched = watched;
    this.#random = simRandom(options.seed);
    this.#writers = new ChaosWriters({ objects: client.objects, random: simRandom(options.seed + 1), blobs });
    const nodeIds = cluster.nodes.map(({ id }) => id);
    const pause = () => sleep(retryPauseMs);
    this.#check = new CopyCheck({ nodes: client.nodes, nodeIds, objects: client.objects, pause });
  }

  static async begin(options: ObjectChaosOptions, cluster: ChaosCluster): Promise<ObjectChaos> {
    const blobs = new Map<Oid, ChaosBlob>();
    let watched: WatchedNodes | undefined;
    const client = await ObjectClient.connect(cluster.coordinatorAddress, cluster.nodes.length, (nodes) => {
      watched = new WatchedNodes({ nodes, blobs });
      return watched;
    });
    if (watched === undefined) throw new Error('the client has taken no nodes');
    return new ObjectChaos(options, { cluster, client, watched, blobs });
  }

  async toTheEnd(): Promise<Omit<ObjectChaosResult, 'folder'>> {
    const { rounds, checkEvery, tell } = this.#options;
    const beganMs = performance.now();
    let checkedMs = 0;
    try {
      this.#writers.start();
      for (let round = 1; round <= rounds && this.#violations.length === 0; round += 1) {
        await this.#round();
        if (round % checkEvery === 0) {
          const tookMs = await this.#checkNews();
          checkedMs += tookMs;
          tell(
            `round ${round}: ${this.#writers.blobs.size} blobs sent, check of the new ones ${Math.round(tookMs)} ms`,
          );
        }
      }
      const roundMs = (performance.now() - beganMs - checkedMs) / rounds;
      await this.#writers.stop();
      await this.#checkAll();
      return this.#result(roundMs);
    } finally {
      await this.#writers.stop();
      await this.#client.close();
    }
  }

  async #round(): Promise<void> {
    await sleep(this.#random.between(0, killAfterMsMax));
    const node = this.#random.pick(this.#cluster.nodes);
    if (this.#watched.underWay(node.id) > 0) this.#struck += 1;
    await node.kill();
    node.start();
    if (!this.#random.chance(overlapProbability)) await this.#allServe();
  }

  async #allServe(): Promise<void> {
    await Promise.all(this.#cluster.nodes.map((node: StandbyProcess) => node.listening()));
  }

  /** Some of what is new, while the writers go on: the end looks at everything. Gives milliseconds. */
  async #checkNews(): Promise<number> {
    const beganMs = performance.now();
    await this.#allServe();
    const news = [...this.#writers.blobs.values()]
      .slice(this.#unchecked)
      .filter(({ isAcknowledged }) => isAcknowledged);
    this.#unchecked = this.#writers.blobs.size;
    const every = Math.ceil(news.length / sampleMax);
    const sample = news.filter((_, index) => index % every === 0);
    this.#violations.push(...(await this.#check.copies(sample)), ...(await this.#check.readable(sample)));
    return performance.now() - beganMs;
  }

  async #checkAll(): Promise<void> {
    await this.#allServe();
    const blobs = [...this.#writers.blobs.values()];
    this.#violations.push(...(await this.#check.copies(blobs)), ...(await this.#check.readable(blobs)));
    const files = await this.#cluster.unfinishedFiles();
    this.#violations.push(...files.map((file) => `left over: ${file}`), ...this.#writers.violations);
  }

  #result(roundMs: number): Omit<ObjectChaosResult, 'folder'> {
    const { rounds } = this.#options;
    const acknowledged: Record<WriteKind, number> = { batched: 0, single: 0, large: 0 };
    let unacknowledged = 0;
    for (const { kind, isAcknowledged } of this.#writers.blobs.values()) {
      if (isAcknowledged) acknowledged[kind] += 1;
      else unacknowledged += 1;
    }
    const voidBecause = (['batched', 'single', 'large'] as const)
      .filter((kind) => acknowledged[kind] < rounds * acknowledgedPerRoundMin[kind])
      .map((kind) => `${acknowledged[kind]} ${kind} blobs acknowledged in ${rounds} rounds`);
    if (this.#struck < rounds * struckShareMin) voidBecause.push(`${this.#struck} of ${rounds} kills struck a write`);
    return {
      violations: this.#violations,
      voidBecause,
      acknowledged,
      unacknowledged,
      failures: Object.fromEntries(this.#writers.failures),
      struck: this.#struck,
      roundMs,
    };
  }
}
