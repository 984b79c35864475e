import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { asStratumError, explain } from '../../src/base/errors.ts';
import {
  CreateRepoRequest,
  GetRefsRequest,
  type Repo,
  UpdateRefsRequest,
} from '../../src/rpc/gen/stratum/v1/metadata.ts';
import { MetadataCluster } from '../e2e/metadata-cluster.ts';
import { isWhole, type MetadataConnection } from '../e2e/metadata-connection.ts';
import { type SimRandom, simRandom } from '../sim/sim-random.ts';
import { Acknowledgements } from './metadata-acknowledgements.ts';
import { DirectPushers, refsOf } from './metadata-direct-pushers.ts';
import { type FaultKind, faultKinds, isReported, reportWindowMs, strike } from './metadata-faults.ts';
import { GitPushers } from './metadata-git-pushers.ts';
import { StubbornReaders } from './metadata-stubborn-readers.ts';

const directRepos = 8;
/** What the requirement leaves from a fault to the next acknowledged push. */
const recoveryMaxMs = 10_000;
/** Longer than that nobody waits: the run ends. */
const recoveryTimeoutMs = 60_000;
const wholeTimeoutMs = 90_000;
const probeEveryMs = 100;
const probeTimeoutMs = 2_000;
const lookMs = 20;
/** From recovery to the end of a fault at the least. */
const deposedMs = 1_500;
/** Between two faults, so that something is written. */
const calmMs = 1_000;
/** A run with fewer acknowledged pushes a second proves nothing. */
const pushesPerSecondMin = { git: 0.1, direct: 2 } as const;
const faultsMin = 2;

/** Values of a run. */
export interface MetadataChaosOptions {
  /** How long faults strike, in seconds. */
  readonly durationS: number;
  readonly seed: number;
  readonly kinds?: readonly FaultKind[];
  readonly tell: (line: string) => void;
}

/** One fault, and the milliseconds until the next acknowledged push that began after it, by who pushed. */
export interface FaultRecord {
  readonly kind: FaultKind;
  readonly nodeId: string;
  /** By whoever was the first. */
  readonly recoveryMs: number | undefined;
  /** Of a caller who comes anew, and waits for no answer to an earlier call. */
  readonly probeMs: number | undefined;
  readonly directMs: number | undefined;
  readonly gitMs: number | undefined;
  /** The longest time without an acknowledged push, until then. */
  readonly gapMs: number;
  /** Until all partitions were whole again, from its end. */
  readonly wholeMs: number;
}

/** What a run has shown. */
export interface MetadataChaosResult {
  readonly violations: readonly string[];
  readonly voidBecause: readonly string[];
  readonly faults: readonly FaultRecord[];
  readonly acknowledged: { readonly git: number; readonly direct: number };
  readonly operations: { readonly git: number; readonly direct: number };
  readonly failures: Readonly<Record<string, number>>;
  readonly seconds: number;
  readonly checkMs: number;
  /** Where the data is left when something is wrong. */
  readonly folder: string | undefined;
}

/** Disturbs the primary of the partition that all push to, over and over, and judges what the clients were told. */
export async function runMetadataChaos(options: MetadataChaosOptions): Promise<MetadataChaosResult> {
  const cluster = await MetadataCluster.start({ frontends: 2 });
  let isGood = false;
  try {
    const chaos = new MetadataChaos(options, cluster, await cluster.connect());
    const result = await chaos.toTheEnd();
    isGood = result.violations.length === 0;
    return { ...result, folder: isGood ? undefined : cluster.folder };
  } finally {
    await cluster.end();
    if (isGood) await rm(cluster.folder, { recursive: true, force: true });
  }
}

class MetadataChaos {
  readonly #options: MetadataChaosOptions;
  readonly #cluster: MetadataCluster;
  readonly #connection: MetadataConnection;
  readonly #random: SimRandom;
  readonly #acknowledgements = new Acknowledgements();
  readonly #violations: string[] = [];
  readonly #faults: FaultRecord[] = [];
  readonly #probed = new Map<string, string>();
  #left: FaultKind[] = [];
  #reported: { readonly nodeId: string; readonly atMs: number } | undefined;
  #partition = 0;
  #probeRepo: Repo | undefined;

  constructor(options: MetadataChaosOptions, cluster: MetadataCluster, connection: MetadataConnection) {
    this.#options = options;
    this.#cluster = cluster;
    this.#connection = connection;
    this.#random = simRandom(options.seed);
  }

  async toTheEnd(): Promise<Omit<MetadataChaosResult, 'folder'>> {
    const { seed } = this.#options;
    const { metadata } = this.#connection;
    const repo = 'chaos/git-1';
    this.#partition = this.#connection.partitionOf(repo).id;
    const acknowledgements = this.#acknowledgements;
    const taken = new Set<string>();
    const nextName = (prefix: string) => {
      const name = this.#connection.nameIn(this.#partition, prefix, taken);
      taken.add(name);
      return name;
    };
    this.#probeRepo = (await metadata.createRepo(CreateRepoRequest.create({ name: nextName('chaos/probe') }))).repo;
    await metadata.createRepo(CreateRepoRequest.create({ name: repo }));
    const names = Array.from({ length: directRepos }, () => nextName('chaos/direct'));
    const direct = await DirectPushers.start({ names, seed }, { client: metadata, acknowledgements });
    const urls = ['f1', 'f2'].map((id) => `${this.#cluster.gitUrl(id)}/${repo}.git`);
    const gitOptions = { folder: join(this.#cluster.folder, 'work'), urls, repo };
    const git = await GitPushers.start(gitOptions, acknowledgements);
    const addresses = this.#cluster.metadataIds.map((id) => this.#connection.topology.nodes.get(id)?.address ?? '');
    const stubborn = new StubbornReaders(addresses, { repositories: direct.repositories });
    const beganMs = performance.now();
    try {
      await this.#strikeOn(beganMs + this.#options.durationS * 1_000);
    } finally {
      this.#cluster.network.heal();
      await Promise.all([direct.stop(), git.stop(), stubborn.stop()]);
    }
    const seconds = (performance.now() - beganMs) / 1_000;
    this.#options.tell(`${stubborn.answers} answers to readers who ask one node each`);
    const checkBeganMs = performance.now();
    const verdicts = [...(await direct.check()), await git.check()];
    const violations = [
      ...this.#violations,
      ...verdicts.flatMap((each) => each.violations),
      ...(await this.#lostProbes()),
    ];
    const acknowledged = { git: acknowledgements.count('git'), direct: acknowledgements.count('direct') };
    const undecided = verdicts.flatMap((each) => each.undecided).map((what) => `${what}: nobody can tell`);
    return {
      violations,
      voidBecause: [...undecided, ...this.#tooLittle(acknowledged, seconds)],
      faults: this.#faults,
      acknowledged,
      operations: { git: git.recorded.history.length, direct: direct.operations },
      failures: Object.fromEntries(acknowledgements.failures),
      seconds,
      checkMs: performance.now() - checkBeganMs,
    };
  }

  async #strikeOn(untilMs: number): Promise<void> {
    await sleep(calmMs);
    // On a busy machine one fault may take all the time that there is.
    const isOver = () => performance.now() >= untilMs && this.#faults.length >= faultsMin;
    while (!isOver() && this.#violations.length === 0) {
      await this.#round(this.#nextKind());
      await sleep(calmMs);
    }
  }

  /** Each kind once, in a random order, before any comes again. */
  #nextKind(): FaultKind {
    const { kinds = faultKinds } = this.#options;
    if (this.#left.length === 0) this.#left = [...kinds];
    // What the coordinator would wait for is no fault's doing.
    const isHeldUp = this.#reported !== undefined && performance.now() - this.#reported.atMs < reportWindowMs;
    const open = this.#left.filter(
      (kind) => !isHeldUp || !isReported(kind) || this.#reported?.nodeId === this.#primaryId,
    );
    const others = kinds.filter((kind) => !isReported(kind));
    const kind = this.#random.pick([open, others, this.#left].find(({ length }) => length > 0) ?? kinds);
    this.#left = this.#left.filter((each) => each !== kind);
    return kind;
  }

  get #primaryId(): string {
    return this.#connection.topology.partitions[this.#partition]?.primaryId ?? '';
  }

  async #round(kind: FaultKind): Promise<void> {
    const nodeId = this.#primaryId;
    const struckMs = performance.now();
    const striking = strike(kind, nodeId, this.#cluster);
    if (isReported(kind)) this.#reported = { nodeId, atMs: struckMs };
    const since = (atMs: number | undefined) => (atMs === undefined ? undefined : Math.round(atMs - struckMs));
    const first = (...kinds: Parameters<Acknowledgements['firstAfter']>[1][]) =>
      since(this.#acknowledgements.firstAfter(struckMs, ...kinds));
    const [fault, isRecovered] = await Promise.all([striking, this.#recovers(struckMs, first)]);
    // Whoever was deposed has time to answer what it should not.
    await sleep(Math.max(deposedMs, struckMs + fault.holdMs - performance.now()));
    await fault.end();
    const endedMs = performance.now();
    const nodes = this.#cluster.metadataIds;
    try {
      await this.#connection.reaches(`all whole after "${kind}" of ${nodeId}`, wholeTimeoutMs, isWhole(nodes));
    } catch (error) {
      this.#violations.push(explain(asStratumError(error)));
    }
    const wholeMs = Math.round(performance.now() - endedMs);
    const gapMs = Math.round(this.#acknowledgements.longestGapMs(struckMs, performance.now()));
    const [probeMs, directMs, gitMs] = [first('probe'), first('direct'), first('git')];
    const recoveryMs = first('probe', 'direct', 'git');
    const record = { kind, nodeId, recoveryMs, probeMs, directMs, gitMs, gapMs, wholeMs };
    this.#faults.push(record);
    this.#options.tell(JSON.stringify(record));
    if (!isRecovered || recoveryMs === undefined || recoveryMs > recoveryMaxMs) {
      const took = recoveryMs === undefined ? 'not at all' : `after ${recoveryMs} ms`;
      this.#violations.push(
        `a push is to be acknowledged ${recoveryMaxMs} ms after "${kind}" of ${nodeId}, and was ${took}`,
      );
    }
  }

  /** Sends probes until one is acknowledged, and waits for the clients. */
  async #recovers(
    strikeMs: number,
    first: (...kinds: ('probe' | 'direct' | 'git')[]) => number | undefined,
  ): Promise<boolean> {
    const deadlineMs = strikeMs + recoveryTimeoutMs;
    let probedMs = 0;
    while (performance.now() < deadlineMs) {
      if (first('probe') !== undefined && first('direct') !== undefined) return true;
      if (first('probe') === undefined && performance.now() - probedMs >= probeEveryMs) {
        probedMs = performance.now();
        void this.#probe();
      }
      await sleep(lookMs);
    }
    return false;
  }

  /** A push that waits for nobody before it. */
  async #probe(): Promise<void> {
    const repo = this.#probeRepo;
    if (repo === undefined) return;
    const newId = randomBytes(20).toString('hex');
    const name = `refs/heads/${newId}`;
    const command = { name, oldId: '0'.repeat(40), newId, newPeeledId: '' };
    const named = { repo: repo.name, repoId: repo.id, actor: 'probe' };
    const request = UpdateRefsRequest.create({ ...named, commands: [command], pushId: randomBytes(16) });
    const invokedMs = performance.now();
    try {
      const { results } = await this.#connection.metadata.updateRefs(request, { timeoutMs: probeTimeoutMs });
      if (results[0]?.updated !== true) return;
      this.#probed.set(name, newId);
      this.#acknowledgements.add('probe', invokedMs);
    } catch (error) {
      this.#acknowledgements.fail('probe', asStratumError(error).code);
    }
  }

  async #lostProbes(): Promise<readonly string[]> {
    const request = GetRefsRequest.create({ repo: this.#probeRepo?.name ?? '' });
    const refs = refsOf(await this.#connection.metadata.getRefs(request));
    const lost = [...this.#probed].filter(([name, id]) => refs.get(name) !== id);
    return lost.map(([name]) => `the probe ${name} was acknowledged and is lost`);
  }

  #tooLittle(acknowledged: { readonly git: number; readonly direct: number }, seconds: number): readonly string[] {
    const few = (['git', 'direct'] as const)
      .filter((kind) => acknowledged[kind] < pushesPerSecondMin[kind] * seconds)
      .map((kind) => `only ${acknowledged[kind]} ${kind} pushes were acknowledged in ${Math.round(seconds)} s`);
    return this.#faults.length < faultsMin ? [...few, `only ${this.#faults.length} faults struck`] : few;
  }
}
