import * as Args from '@oclif/core/args';
import { StratumError } from '../../base/errors.ts';
import { ClusterCommand } from '../../cli/cluster-command.ts';
import { parseRepoName } from '../../git/repo-name.ts';

/** `stratum repo show` */
export default class RepoShow extends ClusterCommand {
  static override id = 'repo:show';
  static override summary = 'Show a repository with its refs and packs';
  static override examples = [
    'stratum repo show team/app',
    'stratum repo show team/app -o json',
    'stratum repo show team/app --field head',
  ];
  static override args = {
    repo: Args.string({ description: 'its name, owner/name or deeper', required: true, ignoreStdin: true }),
  };

  override async run(): Promise<undefined> {
    const { args, flags } = await this.parse(RepoShow);
    const name = parseRepoName(args.repo);
    const { packItem, repoItem } = await import('../../cli/listings/repo-item.ts');
    const { source, item } = await this.withCluster(flags, async (cluster) => {
      const metadata = await cluster.metadata();
      const [found, listed] = await Promise.all([
        metadata.getRepo({ name, includePacks: true }),
        metadata.getRefs({ repo: name, ifGenerationNot: 0n, ifRepoId: '' }),
      ]);
      if (found.repo === undefined) {
        throw new StratumError('REPO_NOT_FOUND', `there is no repository ${name}`, { kind: 'repo', id: name });
      }
      const refs = listed.refs.map((ref) => ({ name: ref.name, objectId: ref.objectId, peeledId: ref.peeledId }));
      const whole = { ...repoItem(found.repo), refs, packs: found.packs.map(packItem) };
      return { source: (await cluster.snapshot()).source, item: whole };
    });
    if (this.isForPeople && this.io.stdoutIsTerminal) {
      const counts = `${item.refCount} refs, ${item.packCount} packs, ${item.objectFormat}`;
      await this.say(`${item.name}: HEAD ${item.head}, ${counts}, partition ${item.partition}, id ${item.id}`);
    }
    await this.print({
      kind: 'Repo',
      source,
      items: [item],
      rows: item.refs,
      columns: [
        { header: 'ref', value: (ref) => ref.name },
        { header: 'object', value: (ref) => ref.objectId },
        { header: 'peeled', value: (ref) => ref.peeledId, wide: true },
      ],
      name: (repo) => `repo/${repo.name}`,
    });
    return undefined;
  }
}
