import * as Flags from '@oclif/core/flags';
import { ClusterCommand } from '../../cli/cluster-command.ts';

/** `stratum repo list` */
export default class RepoList extends ClusterCommand {
  static override id = 'repo:list';
  static override summary = 'List repositories';
  static override examples = ['stratum repo list', 'stratum repo list --prefix team/ -o name'];
  static override flags = {
    prefix: Flags.string({ description: 'Only names that begin so.', helpValue: '<text>', default: '' }),
  };

  override async run(): Promise<undefined> {
    const { flags } = await this.parse(RepoList);
    const [{ allRepos }, { repoColumns, repoItem }] = await Promise.all([
      import('../../cli/all-repos.ts'),
      import('../../cli/listings/repo-item.ts'),
    ]);
    const { source, items } = await this.withCluster(flags, async (cluster) => {
      const metadata = await cluster.metadata();
      const found = (await Array.fromAsync(allRepos(metadata, flags.prefix))).map(repoItem);
      return { source: (await cluster.snapshot()).source, items: found };
    });
    await this.print({
      kind: 'RepoList',
      source,
      items,
      rows: items,
      columns: repoColumns,
      name: (repo) => `repo/${repo.name}`,
      emptyText: 'there is no such repository; the first push to a name creates one',
    });
    return undefined;
  }
}
