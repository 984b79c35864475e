import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { hasCode, StratumError } from '../../base/errors.ts';
import type { ClusterConnection, TopologySnapshot } from '../../cli/connection.ts';
import { IdsCommand } from '../../cli/ids-command.ts';
import { UnreachableReplicas } from '../../cli/locate/unreachable-replicas.ts';
import { tallied, VerdictTally } from '../../cli/locate/verdict.ts';
import type { Progress } from '../../cli/progress.ts';
import type { RepoChecker, RepoCheckItem } from '../../cli/repo-check/repo-checker.ts';
import { parseRepoName } from '../../git/repo-name.ts';

interface CheckChoice {
  readonly timeoutMs: number;
  /** Of one repository only its failure is the command's; of all those that vanish meanwhile are passed over. */
  readonly scope: 'one' | 'many' | 'all';
}

/** `stratum repo check` */
export default class RepoCheck extends IdsCommand {
  static override id = 'repo:check';
  static override summary = 'Check that the packs of repositories have enough good copies and all refs lead somewhere';
  static override description =
    `Every pack, index, reverse index and bitmap is read and hashed by each of its own nodes; every ref must lead to an object that the index of a pack has. Nothing is healed but what is read: "stratum object verify" heals.
Exit code, by the worst: 0 all is good, 5 fewer than N copies but enough to write, 6 fewer than W, an index that is broken, or a ref that leads nowhere, 7 too few nodes answered to say; 10 when some of many repositories are not there.`;
  static override examples = [
    'stratum repo check team/app',
    'stratum repo check --all -o jsonl > check.jsonl',
    'stratum repo list -o name | cut -d/ -f2- | stratum repo check --stdin',
  ];
  static override args = {
    repo: Args.string({ description: 'name of a repository', multiple: true, ignoreStdin: true }),
  };
  static override flags = {
    stdin: Flags.boolean({ description: 'Read names from stdin, one a line.' }),
    all: Flags.boolean({ description: 'Every repository of the cluster.', exclusive: ['stdin'] }),
  };

  override async run(): Promise<number> {
    const { args, flags } = await this.parse(RepoCheck);
    if (flags.all && args.repo !== undefined && args.repo.length > 0) throw namesAndAll();
    const given = flags.all ? undefined : this.ids(args.repo, flags.stdin, (text) => parseRepoName(text));
    const scope = flags.all ? 'all' : args.repo?.length === 1 ? 'one' : 'many';
    const choice: CheckChoice = { timeoutMs: (await this.settings(flags)).timeoutMs.value, scope };
    const { repoCheckListing } = await import('../../cli/listings/repo-check-listing.ts');
    const verdicts = new VerdictTally();
    const unreachable = new UnreachableReplicas();
    await this.withCluster(flags, async (cluster) => {
      const snapshot = await cluster.snapshot();
      const names = given ?? this.#allNames(cluster);
      const checked = this.#checked(names, choice, cluster, snapshot, unreachable);
      await this.printStream(repoCheckListing(tallied(checked, verdicts), snapshot.source, () => unreachable.list()));
    });
    return this.failures.exitCode(verdicts.count) ?? verdicts.exitCode;
  }

  async *#allNames(cluster: ClusterConnection): AsyncGenerator<readonly string[]> {
    const [{ allRepos }, metadata] = await Promise.all([import('../../cli/all-repos.ts'), cluster.metadata()]);
    for await (const { name } of allRepos(metadata)) yield [name];
  }

  async *#checked(
    names: AsyncIterable<readonly string[]>,
    { timeoutMs, scope }: CheckChoice,
    cluster: ClusterConnection,
    snapshot: TopologySnapshot,
    unreachable: UnreachableReplicas,
  ): AsyncGenerator<readonly RepoCheckItem[]> {
    const [{ RepoChecker }, { Locator }, metadata, objects] = await Promise.all([
      import('../../cli/repo-check/repo-checker.ts'),
      import('../../cli/locate/locate.ts'),
      cluster.metadata(),
      cluster.objects(),
    ]);
    const signal = this.io.interrupted;
    const locator = new Locator({ ask: 'verify', timeoutMs, signal }, { snapshot, cluster, clock: this.modules.clock });
    const progress = await this.#progress();
    const checker = new RepoChecker(
      { signal },
      {
        metadata,
        objects,
        locator,
        onProgress: (text) => progress?.update(text),
        onLocations: (found) => unreachable.note(found),
      },
    );
    try {
      for await (const group of names) for (const name of group) yield await this.#check(name, scope, checker);
    } finally {
      progress?.end();
    }
  }

  async #check(name: string, scope: CheckChoice['scope'], checker: RepoChecker): Promise<readonly RepoCheckItem[]> {
    try {
      return [await checker.check(name)];
    } catch (error) {
      this.io.interrupted.throwIfAborted();
      if (scope === 'one') throw error;
      if (scope === 'all' && hasCode(error, 'REPO_NOT_FOUND')) return [];
      await this.fail(error);
      return [];
    }
  }

  /** On a terminal only: a script's log is not filled with it. */
  async #progress(): Promise<Progress | undefined> {
    if (!this.io.stderrIsTerminal) return undefined;
    const { startProgress } = await import('../../cli/progress.ts');
    return startProgress('checking', this.io);
  }
}

function namesAndAll(): StratumError {
  return new StratumError('USAGE', 'give names or --all, not both', undefined, { hint: 'leave one of them out' });
}
