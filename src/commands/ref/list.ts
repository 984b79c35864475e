import * as Args from '@oclif/core/args';
import { ClusterCommand } from '../../cli/cluster-command.ts';
import { refPrefix } from '../../cli/ref-names.ts';
import { parseRepoName } from '../../git/repo-name.ts';

/** `stratum ref list` */
export default class RefList extends ClusterCommand {
  static override id = 'ref:list';
  static override summary = 'List the refs of a repository';
  static override description =
    'With prefixes only the refs whose names begin with one of them; "heads/" is short for "refs/heads/". With -o json the key "head" has HEAD’s branch, and "refsGeneration" the number that rises with every change.';
  static override examples = [
    'stratum ref list team/app',
    'stratum ref list team/app heads/release/ tags/v1. -o jsonl',
    'stratum ref list team/app --field refsGeneration',
  ];
  static override args = {
    repo: Args.string({ description: 'name of the repository', required: true, ignoreStdin: true }),
    prefix: Args.string({ description: 'what names begin with', multiple: true, ignoreStdin: true }),
  };

  override async run(): Promise<undefined> {
    const { args, flags } = await this.parse(RefList);
    const name = parseRepoName(args.repo);
    const prefixes = (args.prefix ?? []).map(refPrefix);
    const { refItem, refListing } = await import('../../cli/listings/ref-listing.ts');
    const listing = await this.withCluster(flags, async (cluster) => {
      const metadata = await cluster.metadata();
      const { repo, refs } = await metadata.getRefs({ repo: name, ifGenerationNot: 0n, ifRepoId: '', prefixes });
      const { source } = await cluster.snapshot();
      const { head = '', refsGeneration = 0n } = repo ?? {};
      return refListing(refs.map(refItem), source, { repo: name, head, refsGeneration });
    });
    await this.print(listing);
    return undefined;
  }
}
