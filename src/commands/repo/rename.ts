import * as Args from '@oclif/core/args';
import { StratumError } from '../../base/errors.ts';
import { changeFlags } from '../../cli/change-flags.ts';
import { ClusterCommand } from '../../cli/cluster-command.ts';
import { confirm } from '../../cli/confirm.ts';
import { findRepo } from '../../cli/find-repo.ts';
import { planListing } from '../../cli/listings/plan-listing.ts';
import { parseRepoName } from '../../git/repo-name.ts';

const { yes, 'dry-run': dryRun } = changeFlags;

/** `stratum repo rename` */
export default class RepoRename extends ClusterCommand {
  static override id = 'repo:rename';
  static override summary = 'Give a repository another name';
  static override description =
    'Its id, refs, packs and log stay. Clones that use the old name are refused from then on. When a repository has the new name and none has the old one, that is no error: it was renamed already, as far as can be seen.';
  static override examples = [
    'stratum repo rename team/app team/application --yes',
    'stratum repo rename a/b a/c --dry-run',
  ];
  static override args = {
    repo: Args.string({ description: 'the name that it has', required: true, ignoreStdin: true }),
    name: Args.string({ description: 'the name that it is to have', required: true, ignoreStdin: true }),
  };
  static override flags = { yes, 'dry-run': dryRun };

  override async run(): Promise<undefined> {
    const { args, flags } = await this.parse(RepoRename);
    const name = parseRepoName(args.repo);
    const newName = parseRepoName(args.name, 'name');
    if (name === newName) {
      const details = { field: 'name', reason: `${name} is the name that it has`, expected: 'another one' };
      throw new StratumError('INVALID_ARGUMENT', `name: ${details.reason}`, details);
    }
    const { oneRepo } = await import('../../cli/listings/repo-item.ts');
    await this.withCluster(flags, async (cluster) => {
      const source = await this.announceChange(flags, cluster);
      const metadata = await cluster.metadata();
      const [repo, taken] = await Promise.all([findRepo(metadata, name), findRepo(metadata, newName)]);
      if (repo === undefined) {
        if (taken === undefined) throw noRepo(name);
        await this.print(oneRepo(taken, source));
        await this.say(`there is no ${name}, and ${newName} is there: nothing to do`);
        return;
      }
      if (taken !== undefined) {
        const details = { kind: 'repo', id: newName };
        throw new StratumError('REPO_EXISTS', `there is a repository ${newName} already`, details);
      }
      if (flags['dry-run']) {
        const detail = `would rename ${name} to ${newName}`;
        const sets = { before: { name, id: repo.id }, after: { name: newName, id: repo.id } };
        const plan = { action: 'repo rename', target: name, changes: true, ...sets, detail } as const;
        if (!this.isForPeople) await this.print(planListing(plan, source));
        await this.say(detail);
        return;
      }
      await confirm(`Rename ${name} (${Number(repo.refCount)} refs) to ${newName}?`, flags, this.io);
      const renamed = await metadata.renameRepo({ name, expectedId: repo.id, newName });
      await this.print(oneRepo(renamed.repo, source));
      await this.say(`${name} is ${newName} now`);
    });
    return undefined;
  }
}

function noRepo(id: string): StratumError {
  return new StratumError('REPO_NOT_FOUND', `there is no repository ${id}`, { kind: 'repo', id });
}
