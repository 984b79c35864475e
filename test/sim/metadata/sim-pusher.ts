import { withDeadline } from '../../../src/base/deadline.ts';
import { asStratumError, hasCode, type StratumError } from '../../../src/base/errors.ts';
import {
  CreateRepoRequest,
  UpdateRefsRequest,
  type UpdateRefsResponse,
} from '../../../src/rpc/gen/stratum/v1/metadata.ts';
import type { HistoryRecorder } from '../linearizability/history.ts';
import {
  noValue,
  type RefSwap,
  type RepositoryInput,
  type RepositoryOutput,
} from '../linearizability/repository-model.ts';
import { SimProcess } from '../sim-process.ts';
import type { SimWorld } from '../sim-world.ts';
import type { SimCalls } from './sim-calls.ts';
import type { NodeHost, SimMetadataNode } from './sim-metadata-node.ts';

/** A repository of the simulation, alone in its partition. */
export interface SimRepo {
  readonly name: string;
  readonly id: string;
  readonly partition: number;
  readonly recorder: HistoryRecorder<RepositoryInput, RepositoryOutput>;
}

/** What a push was told. */
export interface AcknowledgedPush {
  readonly repo: SimRepo;
  readonly pushId: string;
}

/** With these for certain nothing was done (partition-access.ts). */
const certainCodes: ReadonlySet<string> = new Set([
  'NOT_PRIMARY',
  'NOT_READY',
  'INSUFFICIENT_REPLICAS',
  'SHUTTING_DOWN',
  'OVERLOADED',
  'DISK_FULL',
]);

/** With these nobody knows. */
const unknownCodes: ReadonlySet<string> = new Set(['UNREACHABLE', 'DEADLINE_EXCEEDED', 'CANCELLED']);

/** For one try, and for an operation, in milliseconds. */
const tryTimeoutsMs = [100, 300, 1_000];
const operationTimeoutMs = 4_000;
const createTimeoutMs = 30_000;

const refNames = ['refs/heads/main', 'refs/heads/next', 'refs/tags/v1'];

const zeroId = '0'.repeat(40);

export interface SimPusherModules {
  readonly world: SimWorld;
  readonly calls: SimCalls;
  readonly hosts: readonly NodeHost[];
  readonly repos: readonly SimRepo[];
  /** Draws values that no push has used. */
  readonly newId: () => string;
  readonly onAcknowledged: (push: AcknowledgedPush) => void;
  readonly fail: (message: string) => void;
}

/** A client that pushes and reads, one operation after the other, and writes down what it was told. */
export class SimPusher {
  readonly process: SimProcess;
  readonly #modules: SimPusherModules;
  /** The refs as last seen, and values that they had before, by repository. */
  readonly #known = new Map<SimRepo, ReadonlyMap<string, string>>();
  readonly #used = new Map<SimRepo, string[]>();
  /** Where the primary was last, by partition. */
  readonly #hints = new Map<number, NodeHost>();
  acknowledged = 0;

  constructor(options: { readonly name: string }, modules: SimPusherModules) {
    this.#modules = modules;
    this.process = new SimProcess({ name: options.name, wallMs: 1_700_000_000_000 }, { world: modules.world });
  }

  /** Goes on until `untilMs`. */
  async run(untilMs: number, meanPauseMs: number): Promise<void> {
    const { world, repos } = this.#modules;
    while (world.nowMs < untilMs) {
      await this.process.clock.sleep(world.random.between(0, 2 * meanPauseMs));
      const repo = world.random.pick(repos);
      if (world.random.chance(0.4)) await this.read(repo, untilMs);
      else await this.push(repo, untilMs);
    }
  }

  /** Makes a repository, and does not give up. */
  async create(repo: SimRepo): Promise<void> {
    const { fail } = this.#modules;
    const request = CreateRepoRequest.fromPartial({ name: repo.name });
    const operation = { $case: 'createRepo', value: { request, repoId: repo.id } } as const;
    for (;;) {
      const made = await this.#untilAnswered(repo, Number.POSITIVE_INFINITY, async (node, signal) => {
        try {
          await node.replicas.access.submit<'createRepo'>(repo.partition, operation, { bytes: 100, signal });
        } catch (error) {
          // An earlier try whose outcome was unknown.
          if (!hasCode(error, 'REPO_EXISTS')) throw error;
        }
      });
      if ('value' in made) return;
      if (made.isCertain && this.process.clock.monotonicMs() > createTimeoutMs)
        fail(`${repo.name} cannot be made: ${made.last}`);
    }
  }

  /** Reads all refs; false when nobody answered in time. */
  async read(repo: SimRepo, untilMs: number): Promise<boolean> {
    const { world } = this.#modules;
    const invocation = repo.recorder.invoke(this.process.name, { kind: 'read' });
    const refs = await this.#untilAnswered(repo, untilMs, async (node) => node.read(repo));
    if (!('value' in refs)) {
      invocation.refused();
      return false;
    }
    this.#known.set(repo, refs.value);
    invocation.returned({ kind: 'refs', refs: refs.value });
    world.note(() => `${this.process.name} reads ${repo.name}: ${shown(refs.value)}`);
    this.acknowledged += 1;
    return true;
  }

  /** Pushes; false when it was not done for certain, or nobody knows. */
  async push(repo: SimRepo, untilMs: number): Promise<boolean> {
    const { world, onAcknowledged } = this.#modules;
    const { random } = world;
    const isAtomic = random.chance(0.5);
    const swaps = this.#swaps(repo);
    const pushId = random.bytes(16);
    const request = UpdateRefsRequest.fromPartial({
      repo: repo.name,
      repoId: repo.id,
      commands: swaps.map(({ name, oldId, newId }) => ({ name, oldId: oldId || zeroId, newId: newId || zeroId })),
      atomic: isAtomic,
      pushId,
      actor: this.process.name,
    });
    const digits = pushId.toString('hex');
    const invocation = repo.recorder.invoke(this.process.name, { kind: 'push', isAtomic, swaps });
    const what = () =>
      `${this.process.name} pushes ${digits.slice(0, 6)} to ${repo.name}: ${swaps.map(({ name, oldId, newId }) => `${name} ${oldId.slice(-4)}>${newId.slice(-4)}`).join(', ')}${isAtomic ? ' atomic' : ''}`;
    world.note(what);
    const answer = await this.#untilAnswered(repo, untilMs, (node, signal) => pushAt(node, repo, request, signal));
    if (!('value' in answer)) {
      if (answer.isCertain) invocation.refused();
      world.note(() => `${what()}: ${answer.isCertain ? 'refused' : 'unknown'}, ${answer.last}`);
      return false;
    }
    const areDone = answer.value.results.map(({ updated }) => updated);
    invocation.returned({ kind: 'pushed', areDone });
    world.note(() => `${what()}: ${areDone.join(' ')}${answer.value.replayed ? ', replayed' : ''}`);
    this.acknowledged += 1;
    onAcknowledged({ repo, pushId: digits });
    this.#learn(repo, swaps, areDone);
    return true;
  }

  #learn(repo: SimRepo, swaps: readonly RefSwap[], areDone: readonly boolean[]): void {
    const known = new Map(this.#known.get(repo));
    for (const [at, { name, newId }] of swaps.entries()) {
      // What it takes for the value may be old by now; another push finds out.
      if (areDone[at] !== true) known.delete(name);
      else if (newId === noValue) known.delete(name);
      else known.set(name, newId);
    }
    this.#known.set(repo, known);
  }

  #swaps(repo: SimRepo): readonly RefSwap[] {
    const { random } = this.#modules.world;
    const known = this.#known.get(repo) ?? new Map<string, string>();
    const used = this.#used.get(repo) ?? [];
    this.#used.set(repo, used);
    const names = refNames.filter(() => random.chance(0.5));
    if (names.length === 0) names.push(random.pick(refNames));
    return names.map((name) => {
      const oldId = known.get(name) ?? noValue;
      const isDeletion = oldId !== noValue && random.chance(0.1);
      // Now and then back to a value of before, or the effect of a repeated push would never show.
      const back = used.length > 0 && random.chance(0.2) ? random.pick(used) : undefined;
      const newId = isDeletion ? noValue : (back ?? this.#modules.newId());
      if (newId !== noValue && newId !== back) used.push(newId);
      return { name, oldId, newId };
    });
  }

  /** Tries nodes until one answers, or the time is over. */
  async #untilAnswered<T>(
    repo: SimRepo,
    untilMs: number,
    work: (node: SimMetadataNode, signal: AbortSignal) => Promise<T>,
  ): Promise<{ readonly value: T } | { readonly isCertain: boolean; readonly last: string }> {
    const { world, calls, hosts, fail } = this.#modules;
    const { random } = world;
    const isPatient = untilMs === Number.POSITIVE_INFINITY;
    const endMs = isPatient ? untilMs : Math.min(world.nowMs + operationTimeoutMs, untilMs);
    let isCertain = true;
    let last = '';
    for (;;) {
      const host = random.chance(0.15) ? random.pick(hosts) : (this.#hints.get(repo.partition) ?? random.pick(hosts));
      const timeoutMs = random.pick(tryTimeoutsMs);
      try {
        const call = { from: this.process, to: host, what: 'a client call' };
        const value = await withDeadline(this.process.clock, host.name, timeoutMs, (signal) =>
          calls.unary({ ...call, signal }, () => atServer(host, timeoutMs, work)),
        );
        this.#hints.set(repo.partition, host);
        return { value };
      } catch (error) {
        const failure = asStratumError(error);
        last = `${failure.code} ${failure.message}`;
        if (unknownCodes.has(failure.code)) isCertain = false;
        else if (!certainCodes.has(failure.code)) {
          fail(`${this.process.name} is told by ${host.name} of ${repo.name}: ${last}`);
          return { isCertain: false, last };
        }
        this.#follow(repo, failure);
      }
      if (world.nowMs >= endMs) return { isCertain, last };
      // Some users press Ctrl-C, or believe that nothing was done.
      if (!isPatient && random.chance(0.1)) return { isCertain, last };
      await this.process.clock.sleep(random.between(5, 200));
    }
  }

  #follow(repo: SimRepo, failure: StratumError): void {
    const { details } = failure;
    const primaryId = details !== undefined && 'primaryId' in details ? details.primaryId : undefined;
    const host = this.#modules.hosts.find(({ name }) => name === primaryId);
    if (host === undefined) this.#hints.delete(repo.partition);
    else this.#hints.set(repo.partition, host);
  }
}

/** As a handler runs: with the caller's deadline, by the clock of the node. */
function atServer<T>(
  { node }: NodeHost,
  timeoutMs: number,
  work: (node: SimMetadataNode, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  if (node === undefined) throw new Error('the message has reached a node that is not there');
  return withDeadline(node.process.clock, node.id, timeoutMs, (signal) => work(node, signal));
}

function pushAt(
  node: SimMetadataNode,
  { partition }: SimRepo,
  request: UpdateRefsRequest,
  signal: AbortSignal,
): Promise<UpdateRefsResponse> {
  const operation = { $case: 'updateRefs', value: request } as const;
  return node.replicas.access.submit<'updateRefs'>(partition, operation, { bytes: 200, signal });
}

function shown(refs: ReadonlyMap<string, string>): string {
  return [...refs].map(([name, id]) => `${name} ${id.slice(-4)}`).join(', ');
}
