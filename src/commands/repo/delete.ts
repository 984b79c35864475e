import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { formatBytes, formatTime } from '../../base/units.ts';
import { ClusterCommand } from '../../cli/cluster-command.ts';
import { confirmByName } from '../../cli/confirm.ts';
import { findRepo } from '../../cli/find-repo.ts';
import { planListing } from '../../cli/listings/plan-listing.ts';
import { parseDuration } from '../../cli/parse-duration.ts';
import { parseRepoName } from '../../git/repo-name.ts';

/** `stratum repo delete` */
export default class RepoDelete extends ClusterCommand {
  static override id = 'repo:delete';
  static override summary = 'Delete a repository, so that it can be restored for a while';
  static override description =
    'Its name is free at once. For the grace time the repository is kept and "stratum repo restore" brings it back; after it, and with --grace 0s at once, it is gone. Deleting what is not there is no error.';
  static override examples = [
    'stratum repo delete team/app --confirm team/app',
    'stratum repo delete team/app --grace 30d --confirm team/app',
    'stratum repo delete team/app --dry-run',
  ];
  static override args = {
    repo: Args.string({ description: 'its name', required: true, ignoreStdin: true }),
  };
  static override flags = {
    grace: Flags.string({ description: 'For how long it can be restored.', helpValue: '<duration>', default: '7d' }),
    confirm: Flags.string({ description: 'The name once more; without it a terminal asks.', helpValue: '<name>' }),
    'dry-run': Flags.boolean({ description: 'Say what would be done, and change nothing.' }),
  };

  override async run(): Promise<undefined> {
    const { args, flags } = await this.parse(RepoDelete);
    const name = parseRepoName(args.repo);
    const graceMs = parseDuration(flags.grace, '--grace');
    const { deletedRepoColumns, deletedRepoItem } = await import('../../cli/listings/repo-item.ts');
    await this.withCluster(flags, async (cluster) => {
      const source = await this.announceChange(flags, cluster);
      const metadata = await cluster.metadata();
      const repo = await findRepo(metadata, name);
      const printDeleted = (items: readonly ReturnType<typeof deletedRepoItem>[]) => {
        const listing = { kind: 'DeletedRepo', source, items, rows: items, columns: deletedRepoColumns };
        return this.print({ ...listing, name: ({ id }) => `deleted-repo/${id}` });
      };
      const kept = graceMs === 0 ? 'it cannot be restored' : `it can be restored for ${flags.grace}`;
      if (flags['dry-run']) {
        const changes = repo !== undefined;
        const detail = changes ? `would delete ${name}: ${kept}` : `there is no repository ${name}: nothing to do`;
        const before = changes ? { name, id: repo.id, refCount: Number(repo.refCount) } : {};
        const plan = { action: 'repo delete', target: name, changes, before, after: {}, detail } as const;
        if (!this.isForPeople) await this.print(planListing(plan, source));
        await this.say(detail);
        return;
      }
      if (repo === undefined) {
        await printDeleted([]);
        await this.say(`there is no repository ${name}: nothing to do`);
        return;
      }
      const content = `${Number(repo.refCount)} refs, ${formatBytes(repo.packBytes)}`;
      await confirmByName(`Delete the repository ${name} (${content}; ${kept})?`, name, flags, this.io);
      const answer = await metadata.deleteRepo({ name, expectedId: repo.id, graceMs: BigInt(graceMs) });
      const deletedAtMs = BigInt(Math.trunc(this.modules.clock.nowMs()));
      const item = deletedRepoItem({ ...repo, deletedAtMs, purgeAtMs: answer.purgeAtMs });
      await printDeleted(answer.deleted ? [item] : []);
      const untilMs = Number(answer.purgeAtMs ?? 0n);
      if (!answer.deleted) await this.say(`${name} was deleted already`);
      else if (graceMs === 0) await this.say(`${name} is deleted for good`);
      else
        await this.say(
          `${name} is deleted; until ${formatTime(untilMs)} "stratum repo restore ${repo.id}" brings it back`,
        );
    });
    return undefined;
  }
}
