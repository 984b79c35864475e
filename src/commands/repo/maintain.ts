import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { hasCode, StratumError } from '../../base/errors.ts';
import type { AnyFrontend } from '../../cli/any-frontend.ts';
import { changeFlags } from '../../cli/change-flags.ts';
import type { ClusterConnection } from '../../cli/connection.ts';
import { IdsCommand } from '../../cli/ids-command.ts';
import type { MaintenanceItem } from '../../cli/listings/maintenance-listing.ts';
import { type Progress, startProgress } from '../../cli/progress.ts';
import { parseRepoName } from '../../git/repo-name.ts';

const { 'dry-run': dryRun } = changeFlags;

interface MaintainChoice {
  readonly full: boolean;
  readonly dryRun: boolean;
  readonly detach: boolean;
  /** Of one repository only its failure is the command's; of all those that vanish meanwhile are passed over. */
  readonly scope: 'one' | 'many' | 'all';
}

/** `stratum repo maintain` */
export default class RepoMaintain extends IdsCommand {
  static override id = 'repo:maintain';
  static override summary = 'Repack repositories now, so that clones are cheap';
  static override description =
    'Frontends do it by themselves when a repository has many packs; this does it at once. Pushes and clones go on meanwhile, and what was replaced is kept for a while. One frontend at a time works on a repository, the others wait; who asks for what is under way follows it. Ctrl-C ends the waiting, and the work goes on. Exit code: 10 when some of many repositories failed, 7 when no frontend answers.';
  static override examples = [
    'stratum repo maintain team/app',
    'stratum repo maintain team/app --full --detach',
    'stratum repo maintain --all --dry-run -o jsonl',
  ];
  static override args = {
    repo: Args.string({ description: 'name of a repository', multiple: true, ignoreStdin: true }),
  };
  static override flags = {
    full: Flags.boolean({ description: 'Repack everything into one pack with a bitmap, also where less would do.' }),
    frontend: Flags.string({
      description: 'The frontend that is to do it (default: any that answers).',
      helpValue: '<node>',
    }),
    stdin: Flags.boolean({ description: 'Read names from stdin, one a line.' }),
    all: Flags.boolean({ description: 'Every repository of the cluster.', exclusive: ['stdin'] }),
    detach: Flags.boolean({ description: 'Do not wait for the end.', exclusive: ['dry-run'] }),
    'dry-run': dryRun,
  };

  override async run(): Promise<number> {
    const { args, flags } = await this.parse(RepoMaintain);
    if (flags.all && args.repo !== undefined && args.repo.length > 0) throw namesAndAll();
    const given = flags.all ? undefined : this.ids(args.repo, flags.stdin, (text) => parseRepoName(text));
    const scope = flags.all ? 'all' : args.repo?.length === 1 ? 'one' : 'many';
    // oclif leaves out the flags that were not given.
    const [full, isDryRun, detach] = [Boolean(flags.full), Boolean(flags['dry-run']), Boolean(flags.detach)];
    const choice = { full, dryRun: isDryRun, detach, scope } as const;
    const [{ chooseFrontends }, { AnyFrontend, likelyFirst }, { maintenanceListing }] = await Promise.all([
      import('../../cli/ask-frontends.ts'),
      import('../../cli/any-frontend.ts'),
      import('../../cli/listings/maintenance-listing.ts'),
    ]);
    let count = 0;
    await this.withCluster(flags, async (cluster) => {
      const source = await this.announceChange(flags, cluster);
      const { topology } = await cluster.snapshot();
      const frontends = likelyFirst(chooseFrontends(cluster, topology, flags.frontend), topology);
      const any = new AnyFrontend(frontends, { interrupted: this.io.interrupted });
      const maintained = this.#maintained(given ?? allNames(cluster), choice, any, () => {
        count += 1;
      });
      await this.printStream(maintenanceListing(maintained, source, choice.dryRun));
    });
    return this.failures.exitCode(count) ?? 0;
  }

  async *#maintained(
    names: AsyncIterable<readonly string[]>,
    choice: MaintainChoice,
    any: AnyFrontend,
    onEnded: () => void,
  ): AsyncGenerator<readonly MaintenanceItem[]> {
    const progress = await startProgress(choice.dryRun ? 'looking' : 'maintaining', this.io);
    try {
      for await (const group of names) {
        for (const name of group) {
          const items = await this.#maintain(name, choice, any, progress);
          if (items.length > 0) onEnded();
          yield items;
        }
      }
    } finally {
      progress.end();
    }
  }

  async #maintain(
    repo: string,
    choice: MaintainChoice,
    any: AnyFrontend,
    progress: Progress,
  ): Promise<readonly MaintenanceItem[]> {
    const { followMaintenance } = await import('../../cli/follow-maintenance.ts');
    const { full, dryRun, detach, scope } = choice;
    try {
      const item = await followMaintenance(
        { repo, full, dryRun },
        { detach, signal: this.io.interrupted },
        {
          any,
          onStep: ({ step, text }) => progress.update(`${repo}: ${step}${text === '' ? '' : `: ${text}`}`),
          onLeft: async (nodeId) => {
            if (dryRun) return;
            await this.say(`only the waiting has ended: ${nodeId} goes on with ${repo}; the same command follows it`);
          },
        },
      );
      if (detach && item.changed === null) {
        await this.say(`${item.nodeId} goes on with ${repo}; the same command without --detach follows it`);
      }
      return [item];
    } catch (error) {
      this.io.interrupted.throwIfAborted();
      if (scope === 'one' || any.isExhausted) throw error;
      if (scope === 'all' && hasCode(error, 'REPO_NOT_FOUND')) return [];
      await this.fail(error);
      return [];
    }
  }
}

async function* allNames(cluster: ClusterConnection): AsyncGenerator<readonly string[]> {
  const [{ allRepos }, metadata] = await Promise.all([import('../../cli/all-repos.ts'), cluster.metadata()]);
  for await (const { name } of allRepos(metadata)) yield [name];
}

function namesAndAll(): StratumError {
  return new StratumError('USAGE', 'give names or --all, not both', undefined, { hint: 'leave one of them out' });
}
