import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { asStratumError } from '../../src/base/errors.ts';
import type { MetadataApi } from '../../src/client/metadata-api.ts';
import {
  CreateRepoRequest,
  GetRefsRequest,
  type GetRefsResponse,
  type Repo,
  UpdateRefsRequest,
} from '../../src/rpc/gen/stratum/v1/metadata.ts';
import { noValue, type RefSwap } from '../sim/linearizability/repository-model.ts';
import { type SimRandom, simRandom } from '../sim/sim-random.ts';
import type { Acknowledgements } from './metadata-acknowledgements.ts';
import { RecordedRepository } from './metadata-history.ts';

const zero = '0'.repeat(40);
const clientCount = 8;
/** Every second client is patient, so that there are calls that are repeated, and calls whose outcome stays unknown. */
const [shortTimeoutMs, longTimeoutMs] = [3_000, 15_000];
const readShare = 0.2;
const pairShare = 0.2;
const ownShare = 0.3;
/** After a failure, so that a cluster that refuses at once is not asked without end. */
const pauseMs = 20;
const finalTimeoutMs = 30_000;

const sharedRefs = ['refs/heads/shared-1', 'refs/heads/shared-2'];
const pairRefs = ['refs/heads/pair-a', 'refs/heads/pair-b'];

interface Target {
  readonly repo: Repo;
  readonly recorded: RecordedRepository;
  /** What the refs were when somebody heard of them last: a guess. */
  readonly believed: Map<string, string>;
}

/** Eight clients of the metadata without git: changes of refs at full speed, and reads of all refs. */
export class DirectPushers {
  readonly #random: SimRandom;
  readonly #client: MetadataApi;
  readonly #acknowledgements: Acknowledgements;
  readonly #targets: readonly Target[];
  #isStopped = false;
  #running: Promise<unknown> = Promise.resolve();

  private constructor(
    seed: number,
    modules: { readonly client: MetadataApi; readonly acknowledgements: Acknowledgements },
    targets: readonly Target[],
  ) {
    this.#random = simRandom(seed);
    this.#client = modules.client;
    this.#acknowledgements = modules.acknowledgements;
    this.#targets = targets;
  }

  /** Creates the repositories, and begins. */
  static async start(
    { names, seed }: { readonly names: readonly string[]; readonly seed: number },
    modules: { readonly client: MetadataApi; readonly acknowledgements: Acknowledgements },
  ): Promise<DirectPushers> {
    const targets: Target[] = [];
    for (const name of names) {
      const { repo } = await modules.client.createRepo(CreateRepoRequest.create({ name }));
      if (repo === undefined) throw new Error(`${name} was not created`);
      targets.push({ repo, recorded: new RecordedRepository(name), believed: new Map() });
    }
    const pushers = new DirectPushers(seed, modules, targets);
    const loops = Array.from({ length: clientCount }, (_, number) => pushers.#run(number));
    pushers.#running = Promise.all(loops);
    return pushers;
  }

  /** What has been recorded, a repository each. */
  get repositories(): readonly RecordedRepository[] {
    return this.#targets.map(({ recorded }) => recorded);
  }

  get operations(): number {
    return this.#targets.reduce((sum, { recorded }) => sum + recorded.history.length, 0);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#running;
  }

  /** After the end, when all is whole: reads the refs once more, and gives what is wrong. */
  async check() {
    const verdicts = [];
    for (const target of this.#targets) {
      const refs = await this.#read(target, 'last', finalTimeoutMs);
      if (refs === undefined) throw new Error(`${target.repo.name} cannot be read at the end`);
      verdicts.push(target.recorded.check(refs));
    }
    return verdicts;
  }

  async #run(number: number): Promise<void> {
    const timeoutMs = number % 2 === 0 ? longTimeoutMs : shortTimeoutMs;
    while (!this.#isStopped) {
      const target = this.#random.pick(this.#targets);
      const client = `direct-${number}`;
      if (this.#random.chance(readShare)) await this.#read(target, client, timeoutMs);
      else await this.#push(target, client, timeoutMs, this.#chosenRefs(number));
    }
  }

  #chosenRefs(number: number): readonly string[] {
    if (this.#random.chance(pairShare)) return pairRefs;
    if (this.#random.chance(ownShare)) return [`refs/heads/own-${number}`];
    return [this.#random.pick(sharedRefs)];
  }

  async #push(target: Target, client: string, timeoutMs: number, names: readonly string[]): Promise<void> {
    const { repo, recorded, believed } = target;
    const isAtomic = names.length > 1;
    const newId = randomBytes(20).toString('hex');
    const swaps: RefSwap[] = names.map((name) => ({ name, oldId: believed.get(name) ?? noValue, newId }));
    const commands = swaps.map(({ name, oldId }) => ({ name, oldId: oldId || zero, newId, newPeeledId: '' }));
    const pushId = randomBytes(16);
    const named = { repo: repo.name, repoId: repo.id, actor: client };
    const request = UpdateRefsRequest.create({ ...named, commands, atomic: isAtomic, pushId });
    const invocation = recorded.push(client, swaps, isAtomic);
    const invokedMs = performance.now();
    try {
      const { results } = await this.#client.updateRefs(request, { timeoutMs });
      const areDone = results.map(({ updated }) => updated);
      invocation.returned({ kind: 'pushed', areDone });
      for (const [at, { name }] of swaps.entries()) if (areDone[at]) believed.set(name, newId);
      if (areDone.includes(true)) this.#acknowledgements.add('direct', invokedMs);
      else await this.#read(target, client, timeoutMs);
    } catch (error) {
      const { code } = asStratumError(error);
      // The client's promise: any other error means that nothing was done.
      if (code !== 'DEADLINE_EXCEEDED') invocation.refused();
      this.#acknowledgements.fail('direct', `push ${code}`);
      await sleep(pauseMs);
    }
  }

  async #read({ repo, recorded, believed }: Target, client: string, timeoutMs: number) {
    const invocation = recorded.read(client);
    try {
      const answer = await this.#client.getRefs(GetRefsRequest.create({ repo: repo.name }), { timeoutMs });
      const refs = refsOf(answer);
      invocation.returned({ kind: 'refs', refs });
      for (const [name, id] of refs) believed.set(name, id);
      return refs;
    } catch (error) {
      invocation.refused();
      this.#acknowledgements.fail('direct', `read ${asStratumError(error).code}`);
      await sleep(pauseMs);
      return undefined;
    }
  }
}

/** The refs of an answer by name. */
export function refsOf({ refs }: GetRefsResponse): Map<string, string> {
  return new Map(refs.map(({ name, objectId }) => [name, objectId]));
}
