import * as Flags from '@oclif/core/flags';
import { ClusterCommand } from '../../cli/cluster-command.ts';

/** `stratum repo list` */
export default class RepoList extends ClusterCommand {
  static override id = 'repo:list';
  static override summary = 'List repositories';
  static override examples = [
    'stratum repo list',
    'stratum repo list --prefix team/ -o name',
    'stratum repo list --deleted',
  ];
  static override flags = {
    prefix: Flags.string({ description: 'Only names that begin so.', helpValue: '<text>', default: '' }),
    deleted: Flags.boolean({ description: 'Those that were deleted and can be restored instead.' }),
  };

  override async run(): Promise<undefined> {
    const { flags } = await this.parse(RepoList);
    const [{ allRepos }, { deletedRepoColumns, deletedRepoItem, repoColumns, repoItem }] = await Promise.all([
      import('../../cli/all-repos.ts'),
      import('../../cli/listings/repo-item.ts'),
    ]);
    const { source, repos } = await this.withCluster(flags, async (cluster) => {
      const metadata = await cluster.metadata();
      const { prefix, deleted } = flags;
      const found = await Array.fromAsync(allRepos(metadata, { prefix, deleted }));
      return { source: (await cluster.snapshot()).source, repos: found };
    });
    if (flags.deleted) {
      const items = repos.map(deletedRepoItem);
      const listing = { kind: 'DeletedRepoList', source, items, rows: items, columns: deletedRepoColumns };
      const emptyText = 'no deleted repository can be restored';
      await this.print({ ...listing, name: (repo) => `deleted-repo/${repo.id}`, emptyText });
      return undefined;
    }
    const items = repos.map(repoItem);
    const emptyText = 'there is no such repository; the first push to a name creates one';
    const listing = { kind: 'RepoList', source, items, rows: items, columns: repoColumns };
    await this.print({ ...listing, name: (repo) => `repo/${repo.name}`, emptyText });
    return undefined;
  }
}
