import * as Flags from '@oclif/core/flags';
import { ClusterCommand } from '../../cli/cluster-command.ts';

/** `stratum cache stats` */
export default class CacheStats extends ClusterCommand {
  static override id = 'cache:stats';
  static override summary = 'Show what the caches of the frontends hold, and how often they were enough';
  static override description =
    'Counts are since the start of each frontend. A fetch is a hit when its response was stored, a join when an equal one was being answered, a miss when git had to run or another frontend had the response. Exit code: 10 when some frontends did not answer, 7 when none did.';
  static override examples = [
    'stratum cache stats',
    'stratum cache stats -o wide --frontend frontend-1',
    'stratum cache stats --field total.hitRatio',
  ];
  static override flags = {
    frontend: Flags.string({ description: 'Ask this frontend alone.', helpValue: '<node>' }),
  };

  override async run(): Promise<number> {
    const { flags } = await this.parse(CacheStats);
    const [{ askFrontends, chooseFrontends }, { cacheStatsItem, cacheStatsListing }] = await Promise.all([
      import('../../cli/ask-frontends.ts'),
      import('../../cli/listings/cache-stats-listing.ts'),
    ]);
    const { interrupted } = this.io;
    const { source, answers, unreachable, exitCode } = await this.withCluster(flags, async (cluster) => {
      const snapshot = await cluster.snapshot();
      const frontends = chooseFrontends(cluster, snapshot.topology, flags.frontend);
      const asked = await askFrontends(
        frontends,
        async (frontend) => cacheStatsItem(frontend.nodeId, await frontend.cacheStats(interrupted)),
        interrupted,
      );
      return { ...asked, source: snapshot.source };
    });
    await this.print(cacheStatsListing(answers, source, unreachable));
    return exitCode ?? 0;
  }
}
