import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { ClusterCommand } from '../../cli/cluster-command.ts';
import { wireFormat } from '../../cli/wire-format.ts';
import { checkRefName } from '../../git/ref-name.ts';
import { parseRepoName } from '../../git/repo-name.ts';

/** `stratum repo create` */
export default class RepoCreate extends ClusterCommand {
  static override id = 'repo:create';
  static override summary = 'Create a repository';
  static override examples = [
    'stratum repo create team/app',
    'stratum repo create team/modern --object-format sha256 --head trunk',
  ];
  static override args = {
    repo: Args.string({ description: 'its name, owner/name or deeper', required: true, ignoreStdin: true }),
  };
  static override flags = {
    'object-format': Flags.string({
      description: 'Hash of its Git objects; fixed for ever.',
      options: ['sha1', 'sha256'],
      default: 'sha1',
    }),
    head: Flags.string({ description: 'Branch that HEAD points at.', helpValue: '<branch>', default: 'main' }),
    'dry-run': Flags.boolean({ description: 'Check everything, and create nothing.' }),
  };

  override async run(): Promise<undefined> {
    const { args, flags } = await this.parse(RepoCreate);
    const name = parseRepoName(args.repo);
    const head = checkRefName(flags.head.startsWith('refs/') ? flags.head : `refs/heads/${flags.head}`);
    const { repoItem, repoColumns } = await import('../../cli/listings/repo-item.ts');
    const created = await this.withCluster(flags, async (cluster) => {
      const source = await this.announceChange(flags, cluster);
      const metadata = await cluster.metadata();
      if (flags['dry-run']) return undefined;
      const { repo } = await metadata.createRepo({ name, objectFormat: wireFormat(flags['object-format']), head });
      return { source, items: repo === undefined ? [] : [repoItem(repo)] };
    });
    if (created === undefined) {
      await this.say(`would create ${name} with HEAD at ${head}`);
      return undefined;
    }
    const { source, items } = created;
    const listing = { kind: 'Repo', source, items, rows: items, columns: repoColumns };
    await this.print({ ...listing, name: (repo) => `repo/${repo.name}` });
    return undefined;
  }
}
