import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { StratumError } from '../../base/errors.ts';
import { formatTime } from '../../base/units.ts';
import { changeFlags } from '../../cli/change-flags.ts';
import { ClusterCommand } from '../../cli/cluster-command.ts';
import { confirm } from '../../cli/confirm.ts';
import { findDeletedRepo } from '../../cli/find-deleted-repo.ts';
import { planListing } from '../../cli/listings/plan-listing.ts';
import { parseRepoName } from '../../git/repo-name.ts';

const { yes, 'dry-run': dryRun } = changeFlags;

/** `stratum repo restore` */
export default class RepoRestore extends ClusterCommand {
  static override id = 'repo:restore';
  static override summary = 'Bring a deleted repository back within its grace time';
  static override description =
    '"stratum repo list --deleted" shows what can be restored. By name when one deleted repository had it, by id when several had. Restoring what is there by that id already is no error.';
  static override examples = [
    'stratum repo restore team/app --yes',
    'stratum repo restore 0123456789abcdef0123456789abcdef --name team/app-2 --yes',
  ];
  static override args = {
    repo: Args.string({ description: 'the name that it had, or its id', required: true, ignoreStdin: true }),
  };
  static override flags = {
    name: Flags.string({ description: 'Another name, for the old one may be taken.', helpValue: '<name>' }),
    yes,
    'dry-run': dryRun,
  };

  override async run(): Promise<undefined> {
    const { args, flags } = await this.parse(RepoRestore);
    const isId = /^[0-9a-f]{32}$/.test(args.repo);
    const wanted = isId ? { id: args.repo } : { name: parseRepoName(args.repo) };
    const newName = flags.name === undefined ? '' : parseRepoName(flags.name, '--name');
    const [{ oneRepo }, { allRepos }] = await Promise.all([
      import('../../cli/listings/repo-item.ts'),
      import('../../cli/all-repos.ts'),
    ]);
    await this.withCluster(flags, async (cluster) => {
      const source = await this.announceChange(flags, cluster);
      const metadata = await cluster.metadata();
      const found = await findDeletedRepo(metadata, wanted);
      if (found === undefined) {
        // Only an id tells for certain that it is this one that was restored already.
        for await (const repo of isId ? allRepos(metadata) : []) {
          if (repo.id !== args.repo) continue;
          await this.print(oneRepo(repo, source));
          await this.say(`${repo.name} is there already`);
          return;
        }
        throw notDeleted(args.repo);
      }
      const name = newName || found.name;
      const until = formatTime(Number(found.purgeAtMs ?? 0n));
      const detail = `restore ${found.id} as ${name} (${Number(found.refCount)} refs, kept until ${until})`;
      if (flags['dry-run']) {
        const sets = { before: { name: found.name, id: found.id, deleted: true }, after: { name, id: found.id } };
        const plan = {
          action: 'repo restore',
          target: name,
          changes: true,
          ...sets,
          detail: `would ${detail}`,
        } as const;
        if (!this.isForPeople) await this.print(planListing(plan, source));
        await this.say(plan.detail);
        return;
      }
      await confirm(`R${detail.slice(1)}?`, flags, this.io);
      const { repo } = await metadata.restoreRepo({ id: found.id, name: found.name, newName, home: found.partition });
      await this.print(oneRepo(repo, source));
      await this.say(`${repo?.name ?? name} is back`);
    });
    return undefined;
  }
}

function notDeleted(id: string): StratumError {
  const message = `there is no deleted repository ${id}`;
  return new StratumError(
    'REPO_NOT_FOUND',
    message,
    { kind: 'deleted repo', id },
    {
      hint: '"stratum repo list --deleted" shows what can be restored',
    },
  );
}
