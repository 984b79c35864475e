import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import type { AnyFrontend } from '../../cli/any-frontend.ts';
import { changeFlags } from '../../cli/change-flags.ts';
import type { ClusterConnection } from '../../cli/connection.ts';
import { IdsCommand } from '../../cli/ids-command.ts';
import type { WarmedItem } from '../../cli/listings/warmed-listing.ts';
import type { Unreachable } from '../../cli/output/envelope.ts';
import { startProgress } from '../../cli/progress.ts';
import { parseRef } from '../../cli/ref-names.ts';
import { type CloneQuestion, cloneDepthMax, type FrontendApi } from '../../client/frontend-api.ts';
import { parseRepoName } from '../../git/repo-name.ts';

const { 'dry-run': dryRun } = changeFlags;

interface WarmChoice {
  readonly repo: string;
  readonly depth: number;
  readonly dryRun: boolean;
  /** Of one ref only its failure is the command's. */
  readonly isOnly: boolean;
}

/** Has responses prepared, by one frontend or by all. */
interface Warmer {
  warm(question: CloneQuestion): Promise<readonly WarmedItem[]>;
  /** Whether nobody is left to be asked. */
  isExhausted(): boolean;
}

/** `stratum cache warm` */
export default class CacheWarm extends IdsCommand {
  static override id = 'cache:warm';
  static override summary = 'Prepare the responses to shallow clones before anybody asks for them';
  static override description =
    'One frontend prepares and stores them, and the others find them by way of the object nodes; --all-frontends stores them on each. Refs may be short, as git takes them. Ctrl-C ends the work. Exit code: 3 when there is no such repository or ref, 10 when some of many refs or frontends failed, 7 when no frontend answers.';
  static override examples = [
    'stratum cache warm team/app',
    'stratum cache warm team/app main release --all-frontends',
    'stratum ref list team/app --prefix heads/ -o name | cut -d/ -f2- | stratum cache warm team/app --stdin',
  ];
  static override args = {
    repo: Args.string({ description: 'name of the repository', required: true, ignoreStdin: true }),
    ref: Args.string({
      description: 'a ref, in full or short (default: HEAD)',
      multiple: true,
      ignoreStdin: true,
    }),
  };
  static override flags = {
    depth: Flags.integer({
      description: 'Depth of the clones.',
      helpValue: '<commits>',
      min: 1,
      max: cloneDepthMax,
      default: 1,
    }),
    frontend: Flags.string({
      description: 'The frontend that is to do it (default: any that answers).',
      helpValue: '<node>',
    }),
    'all-frontends': Flags.boolean({ description: 'On every frontend.', exclusive: ['frontend'] }),
    stdin: Flags.boolean({ description: 'Read refs from stdin, one a line.' }),
    'dry-run': dryRun,
  };

  readonly #unreachable = new Map<string, string>();

  override async run(): Promise<number> {
    const { args, flags } = await this.parse(CacheWarm);
    const repo = parseRepoName(args.repo);
    const refs = args.ref === undefined && !flags.stdin ? ['HEAD'] : args.ref;
    const names = this.ids(refs, flags.stdin, parseRef);
    // oclif leaves out the flags that were not given.
    const isDryRun = Boolean(flags['dry-run']);
    const choice = { repo, depth: flags.depth, dryRun: isDryRun, isOnly: refs?.length === 1 };
    const [{ chooseFrontends }, { AnyFrontend, likelyFirst }, { warmedListing }] = await Promise.all([
      import('../../cli/ask-frontends.ts'),
      import('../../cli/any-frontend.ts'),
      import('../../cli/listings/warmed-listing.ts'),
    ]);
    let count = 0;
    await this.withCluster(flags, async (cluster) => {
      const source = await this.announceChange(flags, cluster);
      const { topology } = await cluster.snapshot();
      const frontends = likelyFirst(chooseFrontends(cluster, topology, flags.frontend), topology);
      const any = new AnyFrontend(frontends, { interrupted: this.io.interrupted });
      const warmer = flags['all-frontends'] ? this.#byAll(frontends, choice) : this.#byAny(any, choice);
      const warmed = this.#warmed(names, choice, cluster, warmer, (items) => {
        count += items;
      });
      const unreachable = (): readonly Unreachable[] =>
        [...this.#unreachable].map(([node, reason]) => ({ node, reason }));
      await this.printStream(warmedListing(warmed, source, unreachable, choice.dryRun));
    });
    return this.failures.exitCode(count) ?? 0;
  }

  async *#warmed(
    names: AsyncIterable<readonly string[]>,
    { repo, depth, dryRun: isDry, isOnly }: WarmChoice,
    cluster: ClusterConnection,
    warmer: Warmer,
    onWarmed: (count: number) => void,
  ): AsyncGenerator<readonly WarmedItem[]> {
    const { fullRef } = await import('../../cli/full-ref.ts');
    const progress = await startProgress(isDry ? 'looking' : 'warming', this.io);
    try {
      for await (const group of names) {
        for (const name of group) {
          progress.update(`${repo} ${name}`);
          try {
            const items = await warmer.warm({ repo, ref: await fullRef(cluster, repo, name), depth });
            onWarmed(items.length);
            yield items;
          } catch (error) {
            this.io.interrupted.throwIfAborted();
            if (isOnly || warmer.isExhausted()) throw error;
            await this.fail(error);
          }
        }
      }
    } finally {
      progress.end();
    }
  }

  #byAny(any: AnyFrontend, choice: WarmChoice): Warmer {
    return {
      warm: async (question) => [await any.ask((frontend) => this.#warm(frontend, question, choice))],
      isExhausted: () => any.isExhausted,
    };
  }

  #byAll(frontends: readonly FrontendApi[], choice: WarmChoice): Warmer {
    const warm = async (question: CloneQuestion) => {
      const { askFrontends } = await import('../../cli/ask-frontends.ts');
      const ask = (frontend: FrontendApi) => this.#warm(frontend, question, choice);
      const { answers, unreachable, failures } = await askFrontends(frontends, ask, this.io.interrupted);
      for (const error of failures) this.failures.add(error);
      for (const { node, reason } of unreachable) this.#unreachable.set(node, reason);
      return answers;
    };
    return { warm, isExhausted: () => false };
  }

  async #warm(frontend: FrontendApi, question: CloneQuestion, choice: WarmChoice): Promise<WarmedItem> {
    const { repo } = question;
    const { nodeId } = frontend;
    const { interrupted } = this.io;
    if (choice.dryRun) {
      const { verdict, ref, objectId, entry } = await frontend.explainCache(question, interrupted);
      const result = verdict === 'hit' ? 'stored' : 'would-prepare';
      return { repo, ref, objectId, nodeId, result, sizeBytes: entry?.sizeBytes ?? null };
    }
    const { wasStored, ref, objectId, sizeBytes } = await frontend.warmCache(question, interrupted);
    return { repo, ref, objectId, nodeId, result: wasStored ? 'stored' : 'prepared', sizeBytes };
  }
}
