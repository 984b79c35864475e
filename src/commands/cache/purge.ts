import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { changeFlags } from '../../cli/change-flags.ts';
import { ClusterCommand } from '../../cli/cluster-command.ts';
import { confirm } from '../../cli/confirm.ts';
import { parseRepoName } from '../../git/repo-name.ts';

const { yes, 'dry-run': dryRun } = changeFlags;

/** `stratum cache purge` */
export default class CachePurge extends ClusterCommand {
  static override id = 'cache:purge';
  static override summary = 'Drop what the frontends have cached of a repository, or of all';
  static override description =
    'Nothing is lost: the next clones cost what the first ones did. Clones that are being answered go on. What other frontends find by way of the object nodes ends with its time to live. Exit code: 10 when some frontends did not answer, 7 when none did.';
  static override examples = [
    'stratum cache purge team/app --dry-run',
    'stratum cache purge team/app --repositories --yes',
    'stratum cache purge --frontend frontend-1 --yes',
  ];
  static override args = {
    repo: Args.string({ description: 'name of the repository (default: all)', ignoreStdin: true }),
  };
  static override flags = {
    repositories: Flags.boolean({ description: 'Drop the cached bare repositories as well as the responses.' }),
    frontend: Flags.string({ description: 'Of this frontend alone.', helpValue: '<node>' }),
    yes,
    'dry-run': dryRun,
  };

  override async run(): Promise<number> {
    const { args, flags } = await this.parse(CachePurge);
    const repo = args.repo === undefined ? undefined : parseRepoName(args.repo);
    const [{ askFrontends, chooseFrontends }, { purgedListing, purgedText }] = await Promise.all([
      import('../../cli/ask-frontends.ts'),
      import('../../cli/listings/purged-listing.ts'),
    ]);
    // oclif leaves out the flags that were not given.
    const [repositories, isDryRun] = [Boolean(flags.repositories), Boolean(flags['dry-run'])];
    const { interrupted } = this.io;
    return this.withCluster(flags, async (cluster) => {
      const source = await this.announceChange(flags, cluster);
      const { topology } = await cluster.snapshot();
      const frontends = chooseFrontends(cluster, topology, flags.frontend);
      const purge = (onlyCount: boolean) =>
        askFrontends(
          frontends,
          async (frontend) => {
            const request = { repo, repositories, dryRun: onlyCount };
            return { nodeId: frontend.nodeId, ...(await frontend.purgeCache(request, interrupted)) };
          },
          interrupted,
        );
      const where = `of ${repo ?? 'all repositories'} on ${flags.frontend ?? `${frontends.length} frontends`}`;
      if (!isDryRun && !flags.yes) {
        const { answers } = await purge(true);
        await confirm(`Drop ${purgedText(answers)} ${where}?`, flags, this.io);
      }
      const { answers, unreachable, exitCode } = await purge(isDryRun);
      await this.print(purgedListing(answers, source, unreachable, isDryRun));
      await this.say(`${isDryRun ? 'would drop' : 'dropped'} ${purgedText(answers)} ${where}`);
      return exitCode ?? 0;
    });
  }
}
