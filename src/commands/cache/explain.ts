import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { ClusterCommand } from '../../cli/cluster-command.ts';
import { parseRef } from '../../cli/ref-names.ts';
import { cloneDepthMax } from '../../client/frontend-api.ts';
import { parseRepoName } from '../../git/repo-name.ts';

const missExitCode = 11;

/** `stratum cache explain` */
export default class CacheExplain extends ClusterCommand {
  static override id = 'cache:explain';
  static override summary = 'Tell whether the next shallow clone of a ref is answered from the cache, and why not';
  static override description =
    'Each frontend has a cache of its own, and is asked for itself; to ask changes nothing. A verdict is hit when the response is stored, join when it is being made, miss when it would have to be made. Exit code: 10 when some frontends did not answer, 7 when none did, 3 when there is no such repository or ref.';
  static override examples = [
    'stratum cache explain team/app',
    'stratum cache explain team/app release --depth 50 -o wide',
    'stratum cache explain team/app main --exit-code || stratum cache warm team/app main',
  ];
  static override args = {
    repo: Args.string({ description: 'name of the repository', required: true, ignoreStdin: true }),
    ref: Args.string({ description: 'the ref, in full or short (default: HEAD)', ignoreStdin: true }),
  };
  static override flags = {
    depth: Flags.integer({
      description: 'Depth of the clone.',
      helpValue: '<commits>',
      min: 1,
      max: cloneDepthMax,
      default: 1,
    }),
    frontend: Flags.string({ description: 'Ask this frontend alone.', helpValue: '<node>' }),
    'exit-code': Flags.boolean({ description: 'End with exit code 11 when a frontend says anything but hit.' }),
  };

  override async run(): Promise<number> {
    const { args, flags } = await this.parse(CacheExplain);
    const repo = parseRepoName(args.repo);
    const name = parseRef(args.ref ?? 'HEAD');
    const [{ askFrontends, chooseFrontends }, { cacheVerdictItem, cacheVerdictListing }, { fullRef }] =
      await Promise.all([
        import('../../cli/ask-frontends.ts'),
        import('../../cli/listings/cache-verdict-listing.ts'),
        import('../../cli/full-ref.ts'),
      ]);
    const { interrupted } = this.io;
    const { source, answers, unreachable, exitCode } = await this.withCluster(flags, async (cluster) => {
      const snapshot = await cluster.snapshot();
      const frontends = chooseFrontends(cluster, snapshot.topology, flags.frontend);
      const question = { repo, ref: await fullRef(cluster, repo, name), depth: flags.depth };
      const asked = await askFrontends(
        frontends,
        async (frontend) => cacheVerdictItem(frontend.nodeId, await frontend.explainCache(question, interrupted)),
        interrupted,
      );
      return { ...asked, source: snapshot.source };
    });
    await this.print(cacheVerdictListing(answers, source, unreachable));
    if (exitCode !== undefined) return exitCode;
    return flags['exit-code'] && answers.some(({ verdict }) => verdict !== 'hit') ? missExitCode : 0;
  }
}
