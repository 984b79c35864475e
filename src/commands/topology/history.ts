import * as Flags from '@oclif/core/flags';
import { ClusterCommand } from '../../cli/cluster-command.ts';
import { historyListing } from '../../cli/listings/history-listing.ts';
import { parseVersion } from '../../cli/parse-version.ts';
import { readHistory } from '../../cli/read-history.ts';

/** Without --since: what fits a screen or two. */
const limitDefault = 50;

/** More than any coordinator remembers by default. */
const limitMax = 100_000;

/** `stratum topology history` */
export default class TopologyHistory extends ClusterCommand {
  static override id = 'topology:history';
  static override summary = 'Show the applied changes of the topology, newest last, with who asked for them';
  static override description =
    'Coordinators remember the last thousand changes or so; what is forgotten is said on stderr.';
  static override examples = [
    'stratum topology history',
    'stratum topology history --since 42 -o jsonl',
    'stratum topology history --limit 5',
  ];
  static override flags = {
    since: Flags.string({ description: 'Only what came after this version.', helpValue: '<version>' }),
    limit: Flags.integer({
      description: `At most so many, the latest (default: ${limitDefault}; with --since all).`,
      helpValue: '<count>',
      min: 1,
      max: limitMax,
    }),
  };

  override async run(): Promise<undefined> {
    const { flags } = await this.parse(TopologyHistory);
    const hint = 'stratum topology show --field version prints the present one';
    const sinceVersion = parseVersion(flags.since ?? '0', '--since', hint);
    const limit = flags.limit ?? (flags.since === undefined ? limitDefault : limitMax);
    const read = await this.withCluster(flags, (cluster) => readHistory(cluster, { sinceVersion, limit }));
    await this.print(historyListing(read.updates, read.keptSinceVersion, read.source));
    // Who asked for no certain start is not told that there was more before it.
    const start = flags.since === undefined ? read.sinceVersion : sinceVersion;
    if (flags.since !== undefined && read.keptSinceVersion > start) {
      await this.say(`the history goes back to version ${read.keptSinceVersion + 1n}; what came before is forgotten`);
    }
    return undefined;
  }
}
