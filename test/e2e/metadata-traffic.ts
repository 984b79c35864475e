import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { asStratumError, explain } from '../../src/base/errors.ts';
import {
  CreateRepoRequest,
  GetRefsRequest,
  type Repo,
  UpdateRefsRequest,
} from '../../src/rpc/gen/stratum/v1/metadata.ts';
import { BackgroundGit } from '../chaos/metadata-git.ts';
import type { MetadataCluster } from './metadata-cluster.ts';
import type { MetadataConnection } from './metadata-connection.ts';

const directRef = 'refs/heads/direct';
const zero = '0'.repeat(40);
/** Between two pushes of one writer: the machine is shared. */
const pauseMs = 50;
/** Two repositories of git, so that pushes and fetches go on in more than one partition. */
const gitRepos = 2;

/** A ref that one client alone pushes. */
interface PushedRef {
  readonly repo: string;
  readonly ref: string;
  /** In the order of the pushes. */
  readonly ids: string[];
  /** How many of them there were when one was acknowledged last. */
  acknowledged: number;
}

/** Pushes and reads that go on all the while: of repositories in many partitions directly, and of some with the real git. */
export class MetadataTraffic {
  /** What was not done, with the time and the words. */
  readonly failures: string[] = [];
  readonly #connection: MetadataConnection;
  readonly #repos: readonly Repo[];
  /** What was pushed, each value on top of the one before. */
  readonly #pushed = new Map<string, PushedRef>();
  #slowestMs = 0;
  #pushes = 0;
  #gitRounds = 0;
  #isStopped = false;
  #running: Promise<unknown> = Promise.resolve();

  private constructor(connection: MetadataConnection, repos: readonly Repo[]) {
    this.#connection = connection;
    this.#repos = repos;
  }

  /** One repository in each of so many partitions. */
  static async start(cluster: MetadataCluster, partitions: number): Promise<MetadataTraffic> {
    const connection = await cluster.connect();
    const repos: Repo[] = [];
    for (let number = 0; number < partitions; number += 1) {
      const name = connection.nameIn(number, 'traffic/repo');
      const { repo } = await connection.metadata.createRepo(CreateRepoRequest.create({ name }));
      if (repo === undefined) throw new Error(`${name} was not created`);
      repos.push(repo);
    }
    const traffic = new MetadataTraffic(connection, repos);
    const writers = repos.map((repo) => traffic.#write(repo));
    const users = Array.from({ length: gitRepos }, async (_, number) => {
      const name = connection.nameIn(number, 'traffic/git');
      const git = await BackgroundGit.init(join(cluster.folder, 'work', name));
      await traffic.#useGit(git, name, `${cluster.gitUrl()}/${name}.git`);
    });
    traffic.#running = Promise.all([...writers, ...users]);
    return traffic;
  }

  get repos(): readonly Repo[] {
    return this.#repos;
  }

  /** How many values of its own one repository's direct writer has had acknowledged, or passed on the way. */
  acknowledgedOf(repo: string): number {
    return this.#pushed.get(`${repo} ${directRef}`)?.acknowledged ?? 0;
  }

  /** Of direct pushes, and of rounds of a push, a look and a fetch with git. */
  get counts(): { readonly pushes: number; readonly gitRounds: number } {
    return { pushes: this.#pushes, gitRounds: this.#gitRounds };
  }

  /** What has happened since the last call: counts, and how long the slowest request took. For people. */
  summary(): string {
    const slowestMs = Math.round(this.#slowestMs);
    this.#slowestMs = 0;
    return `${this.#pushes} pushes, ${this.#gitRounds} rounds of git, the slowest ${slowestMs} ms, ${this.failures.length} failures`;
  }

  /** Resolves when so many more pushes to each repository, and rounds of git, have been made since. */
  async goesOn(): Promise<void> {
    const { pushes, gitRounds } = this.counts;
    while (this.#pushes < pushes + this.#repos.length || this.#gitRounds < gitRounds + 1) {
      if (this.failures.length > 0) return;
      await sleep(pauseMs);
    }
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#running;
  }

  /** Acknowledged pushes that are not there. */
  async lost(): Promise<readonly string[]> {
    const lost: string[] = [];
    for (const { repo, ref, ids, acknowledged } of this.#pushed.values()) {
      // More is acknowledged while this is read.
      const leastAt = acknowledged - 1;
      const { refs } = await this.#connection.metadata.getRefs(GetRefsRequest.create({ repo }));
      const found = refs.find(({ name }) => name === ref)?.objectId ?? '';
      if (ids.indexOf(found) < leastAt) lost.push(`${repo} ${ref} is ${found} and not ${ids[leastAt]}`);
    }
    return lost;
  }

  async #write(repo: Repo): Promise<void> {
    const name = directRef;
    const pushed = this.#refOf(repo.name, name);
    let oldId = zero;
    while (!this.#isStopped) {
      const newId = randomBytes(20).toString('hex');
      pushed.ids.push(newId);
      const commands = [{ name, oldId, newId, newPeeledId: '' }];
      const named = { repo: repo.name, repoId: repo.id, actor: 'traffic' };
      const request = UpdateRefsRequest.create({ ...named, commands, pushId: randomBytes(16) });
      const isDone = await this.#timed(`push to ${repo.name}`, async () => {
        const { results } = await this.#connection.metadata.updateRefs(request);
        if (results[0]?.updated !== true) throw new Error(results[0]?.errorMessage);
      });
      if (isDone) {
        this.#pushes += 1;
        oldId = newId;
        pushed.acknowledged = pushed.ids.length;
      }
      await sleep(pauseMs);
    }
  }

  async #useGit(git: BackgroundGit, repo: string, url: string): Promise<void> {
    const tree = await git.succeed(['mktree']);
    const pushed = this.#refOf(repo, 'refs/heads/git');
    let parent: readonly string[] = [];
    for (let round = 1; !this.#isStopped; round += 1) {
      const commit = await git.succeed(['commit-tree', tree, ...parent, '-m', `Round ${round}`]);
      pushed.ids.push(commit);
      const command = async (...args: readonly string[]) => {
        const { code, stderr } = await git.attempt(...args);
        if (code !== 0) throw new Error(stderr);
      };
      const isDone = await this.#timed(`git push to ${repo}`, () =>
        command('push', '--quiet', url, `${commit}:refs/heads/git`),
      );
      if (isDone) {
        pushed.acknowledged = pushed.ids.length;
        parent = ['-p', commit];
      }
      const isListed = await this.#timed(`git ls-remote of ${repo}`, () => command('ls-remote', url));
      const isFetched = await this.#timed(`git fetch of ${repo}`, () =>
        command('fetch', '--quiet', url, 'refs/heads/git'),
      );
      if (isDone && isListed && isFetched) this.#gitRounds += 1;
      await sleep(pauseMs);
    }
  }

  #refOf(repo: string, ref: string): PushedRef {
    const pushed: PushedRef = { repo, ref, ids: [], acknowledged: 0 };
    this.#pushed.set(`${repo} ${ref}`, pushed);
    return pushed;
  }

  async #timed(what: string, work: () => Promise<void>): Promise<boolean> {
    const beganMs = performance.now();
    try {
      await work();
      this.#slowestMs = Math.max(this.#slowestMs, performance.now() - beganMs);
      return true;
    } catch (error) {
      const tookMs = Math.round(performance.now() - beganMs);
      this.failures.push(`${new Date().toISOString()} ${what} after ${tookMs} ms: ${explain(asStratumError(error))}`);
      return false;
    }
  }
}
