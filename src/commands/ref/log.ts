import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { ClusterCommand } from '../../cli/cluster-command.ts';
import { parseRef } from '../../cli/ref-names.ts';
import { parseRepoName } from '../../git/repo-name.ts';

/** What fits a screen or two. */
const limitDefault = 50;

/** More is read page by page, with --page-token. */
const limitMax = 100_000;

/** `stratum ref log` */
export default class RefLog extends ClusterCommand {
  static override id = 'ref:log';
  static override summary = 'Show who changed the refs of a repository, newest first';
  static override description =
    'Each line is one change of one ref: when, from what to what, and who pushed it; the changes of one push have one push id. Of a ref that was deleted the log is kept too. With -o json the key "nextPageToken" is for --page-token, and empty at the end.';
  static override examples = [
    'stratum ref log team/app',
    'stratum ref log team/app main --limit 10',
    'stratum ref log team/app refs/tags/v1.0 -o jsonl',
  ];
  static override args = {
    repo: Args.string({ description: 'name of the repository', required: true, ignoreStdin: true }),
    ref: Args.string({ description: 'only changes of this ref, in full or short', ignoreStdin: true }),
  };
  static override flags = {
    limit: Flags.integer({
      description: 'At most so many, the latest.',
      helpValue: '<count>',
      min: 1,
      max: limitMax,
      default: limitDefault,
    }),
    'page-token': Flags.string({ description: 'Go on where an earlier one ended.', helpValue: '<token>', default: '' }),
  };

  override async run(): Promise<undefined> {
    const { args, flags } = await this.parse(RefLog);
    const repo = parseRepoName(args.repo);
    const name = args.ref === undefined ? undefined : parseRef(args.ref);
    const [{ RefReader }, { readRepoLog }, { refChangeItem, refLogListing }] = await Promise.all([
      import('../../cli/ref-reader.ts'),
      import('../../cli/read-repo-log.ts'),
      import('../../cli/listings/ref-listing.ts'),
    ]);
    const { limit, 'page-token': pageToken } = flags;
    const { source, read } = await this.withCluster(flags, async (cluster) => {
      const metadata = await cluster.metadata();
      const ref = name === undefined ? '' : await new RefReader({ repo }, { metadata }).fullName(name);
      const found = await readRepoLog(metadata, { repo, ref, limit, pageToken });
      return { source: (await cluster.snapshot()).source, read: found };
    });
    await this.print(refLogListing(read.entries.map(refChangeItem), source, read.nextPageToken));
    if (this.isForPeople && read.nextPageToken !== '') {
      await this.say(`there is more: --page-token ${read.nextPageToken}`);
    }
    return undefined;
  }
}
