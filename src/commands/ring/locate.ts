import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { StratumError } from '../../base/errors.ts';
import { ClusterCommand } from '../../cli/cluster-command.ts';
import { exitCodeOf, reportError } from '../../cli/error-report.ts';
import { locationListing } from '../../cli/listings/location-listing.ts';
import { type Location, locate, parseLocatable } from '../../cli/locate/locate.ts';
import { exitCodeOfVerdicts } from '../../cli/locate/verdict.ts';
import { readIds } from '../../cli/read-ids.ts';
import { parseRepoName } from '../../git/repo-name.ts';

/** `stratum ring locate` */
export default class RingLocate extends ClusterCommand {
  static override id = 'ring:locate';
  static override summary = 'Show which nodes hold a blob or the packs of a Git object';
  static override description =
    `Takes a blob id (64 hex digits) or a Git object id, which is resolved to the packs that hold it.
With --verify every node reads and hashes its copy. Exit code: 0 all copies are good, 5 fewer than N but enough to write, 6 fewer than W or none, 7 too few nodes answered to say.`;
  static override examples = [
    'stratum ring locate 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
    'stratum ring locate $(git rev-parse HEAD) --verify',
    'git rev-list --all | stratum ring locate --stdin --repo team/app -o jsonl',
  ];
  static override args = {
    oid: Args.string({ description: 'blob id or Git object id, in full', ignoreStdin: true }),
  };
  static override flags = {
    verify: Flags.boolean({ description: 'Ask every node to hash its copy, and judge.' }),
    repo: Flags.string({ description: 'Look for a Git object in this repository only.', helpValue: '<repo>' }),
    stdin: Flags.boolean({ description: 'Read ids from stdin, one a line.' }),
  };

  override async run(): Promise<number> {
    const { args, flags } = await this.parse(RingLocate);
    const ids = (await readIds(args.oid, flags.stdin, this.io)).map(parseLocatable);
    const repo = flags.repo === undefined ? undefined : parseRepoName(flags.repo, '--repo');
    const timeoutMs = (await this.settings(flags)).timeoutMs.value;
    const options = { verify: flags.verify, repo, timeoutMs, signal: this.io.interrupted };
    const failures: unknown[] = [];
    const { locations, source } = await this.withCluster(flags, async (cluster) => {
      const snapshot = await cluster.snapshot();
      const found: Location[] = [];
      for (const id of ids) {
        try {
          found.push(...(await locate(id, options, snapshot, cluster)));
        } catch (error) {
          // One id that fails must not hide the others of a long list.
          if (ids.length === 1 || this.io.interrupted.aborted) throw error;
          failures.push(error);
          await this.say(reportError(error, { json: !this.isForPeople, debug: false }).trimEnd());
        }
      }
      return { locations: found, source: snapshot.source };
    });
    await this.print(locationListing('LocationList', locations, source));
    if (failures.length === 0) return exitCodeOfVerdicts(locations.map(({ verdict }) => verdict));
    if (locations.length === 0) return exitCodeOf(failures[0]);
    return exitCodeOf(new StratumError('PARTIAL', `${failures.length} of ${ids.length} ids failed`));
  }
}
