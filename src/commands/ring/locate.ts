import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { IdsCommand } from '../../cli/ids-command.ts';
import { locationListing } from '../../cli/listings/location-listing.ts';
import { type Location, Locator, parseLocatable } from '../../cli/locate/locate.ts';
import { questionIdsMax } from '../../cli/locate/replica-survey.ts';
import { tallied, VerdictTally } from '../../cli/locate/verdict.ts';
import { parseRepoName } from '../../git/repo-name.ts';

/** `stratum ring locate` */
export default class RingLocate extends IdsCommand {
  static override id = 'ring:locate';
  static override summary = 'Show which nodes hold a blob or the packs of a Git object';
  static override description =
    `Takes a blob id (64 hex digits) or a Git object id, which is resolved to the packs that hold it.
With --verify every node reads and hashes its copy. Exit code: 0 all copies are good, 5 fewer than N but enough to write, 6 fewer than W or none, 7 too few nodes answered to say.
With --stdin the answers are printed as the ids come, and 64 digits are a blob id unless --repo is given; what is no id is told on stderr, and the exit code is then 10.`;
  static override examples = [
    'stratum ring locate 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
    'stratum ring locate $(git rev-parse HEAD) --verify',
    'git rev-list --all | stratum ring locate --stdin --repo team/app -o jsonl',
  ];
  static override args = {
    oid: Args.string({ description: 'blob id or Git object id, in full', multiple: true, ignoreStdin: true }),
  };
  static override flags = {
    verify: Flags.boolean({ description: 'Ask every node to hash its copy, and judge.' }),
    repo: Flags.string({ description: 'Look for a Git object in this repository only.', helpValue: '<repo>' }),
    stdin: Flags.boolean({ description: 'Read ids from stdin, one a line.' }),
  };

  override async run(): Promise<number> {
    const { args, flags } = await this.parse(RingLocate);
    const repo = flags.repo === undefined ? undefined : parseRepoName(flags.repo, '--repo');
    const isOnly = args.oid?.length === 1;
    // A question to each node costs more than to wait for a few more ids.
    const ids = this.ids(args.oid, flags.stdin, parseLocatable, flags.verify ? questionIdsMax : 1);
    const timeoutMs = (await this.settings(flags)).timeoutMs.value;
    const ask = flags.verify ? ('verify' as const) : undefined;
    const options = { ask, repo, timeoutMs, signal: this.io.interrupted };
    const verdicts = new VerdictTally();
    await this.withCluster(flags, async (cluster) => {
      const snapshot = await cluster.snapshot();
      const locator = new Locator(options, { snapshot, cluster, clock: this.modules.clock });
      const found = isOnly ? this.#only(ids, locator) : this.#all(ids, locator);
      await this.printStream(locationListing('LocationList', tallied(found, verdicts), snapshot.source));
    });
    return this.failures.exitCode(verdicts.count) ?? verdicts.exitCode;
  }

  /** Its failure is the command's. */
  async *#only(ids: AsyncIterable<readonly string[]>, locator: Locator): AsyncGenerator<readonly Location[]> {
    for await (const group of ids) for (const id of group) yield await locator.locate(id);
  }

  async *#all(ids: AsyncIterable<readonly string[]>, locator: Locator): AsyncGenerator<readonly Location[]> {
    for await (const group of ids) {
      const failed: unknown[] = [];
      yield await locator.locateMany(group, (error) => failed.push(error));
      for (const error of failed) await this.fail(error);
    }
  }
}
