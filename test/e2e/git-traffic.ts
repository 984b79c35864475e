import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { generateHistory } from './generated-history.ts';
import { GitClient } from './git-client.ts';

/** A push and a clone in each. */
const roundMs = 1_000;

/** A run whose throughput fell below this share of the rounds proves nothing. */
const roundsShareMin = 0.4;

/** Pushes a commit and makes a shallow clone every second with the real git; every one must succeed. */
export class GitTraffic {
  /** What failed, with git's own words. */
  readonly faults: string[] = [];
  /** The commits whose push git called a success. */
  readonly pushed: string[] = [];
  readonly #source: GitClient;
  readonly #url: string;
  readonly #startedMs = performance.now();
  #clones = 0;
  #slowestMs = 0;
  #isStopped = false;
  #running: Promise<void> = Promise.resolve();

  private constructor(source: GitClient, url: string) {
    this.#source = source;
    this.#url = url;
  }

  static async start(folder: string, url: string): Promise<GitTraffic> {
    const source = await generateHistory(join(folder, 'work', 'source'), { commits: 60, largeFileBytes: 0 });
    await source.git('push', '--quiet', url, 'main');
    const traffic = new GitTraffic(source, url);
    traffic.#running = traffic.#run();
    return traffic;
  }

  /** For people. */
  get summary(): string {
    const seconds = Math.round((performance.now() - this.#startedMs) / 1_000);
    const slowest = Math.round(this.#slowestMs);
    return `${this.pushed.length} pushes and ${this.#clones} clones in ${seconds} s, the slowest pair in ${slowest} ms`;
  }

  /** Whether there was enough of it to prove anything. */
  get isEnough(): boolean {
    const rounds = (performance.now() - this.#startedMs) / roundMs;
    return Math.min(this.pushed.length, this.#clones) >= rounds * roundsShareMin;
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#running;
  }

  /** A push and a clone of all through another frontend; rejects when one fails. */
  async roundThrough(url: string, name: string): Promise<void> {
    await this.#source.git('push', '--quiet', url, `main:refs/heads/${name}`);
    const copy = await this.#source.clone(url, name, '--branch', name, '--depth', '1');
    await copy.git('fsck', '--full');
    await rm(copy.folder, { recursive: true });
  }

  /** After the end: fsck of a whole clone, and every push that git called a success is in it. */
  async verify(url: string): Promise<void> {
    const copy = await this.#source.clone(url, 'in-the-end', '--mirror');
    await copy.git('fsck', '--full');
    const history = new Set((await copy.git('rev-list', 'main')).split('\n'));
    const lost = this.pushed.filter((tip) => !history.has(tip));
    if (lost.length > 0) throw new Error(`pushes were lost: ${lost.join(', ')}`);
  }

  async #run(): Promise<void> {
    for (let round = 1; !this.#isStopped; round += 1) {
      const beganMs = performance.now();
      await this.#push(round);
      await this.#clone(round);
      const tookMs = performance.now() - beganMs;
      this.#slowestMs = Math.max(this.#slowestMs, tookMs);
      if (tookMs < roundMs) await sleep(roundMs - tookMs);
    }
  }

  async #push(round: number): Promise<void> {
    await writeFile(join(this.#source.folder, 'round.txt'), `${round}\n`);
    const tip = await this.#source.commit(`Round ${round}`);
    const { code, stderr } = await this.#source.attempt('push', '--quiet', this.#url, 'main');
    if (code === 0) this.pushed.push(tip);
    else this.faults.push(`push ${round} at ${new Date().toISOString()}: ${stderr}`);
  }

  async #clone(round: number): Promise<void> {
    const folder = join(this.#source.folder, '..', `clone-${round}`);
    const { code, stderr } = await this.#source.attempt('clone', '--quiet', '--depth', '1', this.#url, folder);
    const when = new Date().toISOString();
    if (code === 0) {
      this.#clones += 1;
      const head = await new GitClient(folder).git('rev-parse', 'HEAD');
      // A push whose outcome is unknown may be seen too; that it failed is a fault already.
      if (this.faults.length === 0 && head !== this.pushed.at(-1))
        this.faults.push(`clone ${round} at ${when}: old refs`);
    } else this.faults.push(`clone ${round} at ${when}: ${stderr}`);
    await rm(folder, { recursive: true, force: true });
  }
}
