import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { StratumError } from '../../base/errors.ts';
import { parseOid } from '../../base/oid.ts';
import type { ClusterConnection, TopologySnapshot } from '../../cli/connection.ts';
import { IdsCommand } from '../../cli/ids-command.ts';
import { verifiedListing } from '../../cli/listings/verified-listing.ts';
import { heal, unhealed, type VerifiedLocation } from '../../cli/locate/heal.ts';
import { Locator } from '../../cli/locate/locate.ts';
import { questionIdsMax, ReplicaSurvey } from '../../cli/locate/replica-survey.ts';
import { UnreachableReplicas } from '../../cli/locate/unreachable-replicas.ts';
import { tallied, VerdictTally } from '../../cli/locate/verdict.ts';

interface VerifyChoice {
  readonly timeoutMs: number;
  readonly dryRun: boolean;
  /** Print what is in order as well. */
  readonly showsGood: boolean;
  /** Says what is about to be changed. */
  readonly announce: () => Promise<unknown>;
}

/** `stratum object verify` */
export default class ObjectVerify extends IdsCommand {
  static override id = 'object:verify';
  static override summary = 'Hash every copy of blobs, and heal missing and corrupt ones from good ones';
  static override description =
    `Each of a blob’s own nodes reads and hashes its copy. What is missing or corrupt is written anew from a copy that was verified, and hashed again; --dry-run only says so.
Exit code, after healing: 0 all copies are good, 5 fewer than N but enough to write, 6 fewer than W or none, 7 too few nodes answered to say; 10 when some ids are none.
--all takes every blob that a node lists, and prints those with which something was wrong.`;
  static override examples = [
    'stratum object verify 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
    'stratum object verify --all --dry-run',
    'stratum object missing -o name | cut -d/ -f2 | stratum object verify --stdin',
  ];
  static override args = {
    oid: Args.string({ description: 'blob id, 64 hex digits', multiple: true, ignoreStdin: true }),
  };
  static override flags = {
    stdin: Flags.boolean({ description: 'Read ids from stdin, one a line.' }),
    all: Flags.boolean({ description: 'Every blob of the cluster.', exclusive: ['stdin'] }),
    'dry-run': Flags.boolean({ description: 'Hash, say what would be healed, and change nothing.' }),
  };

  override async run(): Promise<number> {
    const { args, flags } = await this.parse(ObjectVerify);
    if (flags.all && args.oid !== undefined && args.oid.length > 0) throw idsAndAll();
    const given = flags.all ? undefined : this.ids(args.oid, flags.stdin, (text) => parseOid(text), questionIdsMax);
    const timeoutMs = (await this.settings(flags)).timeoutMs.value;
    const verdicts = new VerdictTally();
    const unreachable = new UnreachableReplicas();
    await this.withCluster(flags, async (cluster) => {
      const snapshot = await cluster.snapshot();
      const announce = () => this.announceChange(flags, cluster);
      const choice = { timeoutMs, dryRun: flags['dry-run'], showsGood: !flags.all, announce };
      const ids = given ?? this.#allIds(cluster, snapshot, unreachable);
      const verified = unreachable.watch(this.#verified(ids, choice, cluster, snapshot));
      const shown = onlyShown(tallied(verified, verdicts), choice);
      await this.printStream(verifiedListing(shown, snapshot.source, () => unreachable.list()));
    });
    const partial = this.failures.exitCode(verdicts.count);
    if (partial !== undefined || verdicts.exitCode !== 0) return partial ?? verdicts.exitCode;
    return unreachable.list().length > 0 ? unknownExitCode : 0;
  }

  async *#allIds(
    cluster: ClusterConnection,
    { topology }: TopologySnapshot,
    unreachable: UnreachableReplicas,
  ): AsyncGenerator<readonly string[]> {
    const [{ BlobScan }, { withScanProgress }] = await Promise.all([
      import('../../cli/locate/blob-scan.ts'),
      import('../../cli/locate/scan-progress.ts'),
    ]);
    const scan = new BlobScan(topology, { cluster });
    for await (const { blobs } of withScanProgress(scan.stretches(this.io.interrupted), this.io)) {
      if (blobs.length > 0) yield blobs.map(({ oid }) => oid);
    }
    for (const each of scan.unreachable) unreachable.add(each);
  }

  async *#verified(
    ids: AsyncIterable<readonly string[]>,
    { timeoutMs, dryRun, announce }: VerifyChoice,
    cluster: ClusterConnection,
    snapshot: TopologySnapshot,
  ): AsyncGenerator<readonly VerifiedLocation[]> {
    const asked = { timeoutMs, signal: this.io.interrupted };
    const modules = { snapshot, cluster, clock: this.modules.clock };
    const locator = new Locator({ ...asked, ask: 'verify' }, modules);
    const survey = new ReplicaSurvey({ ...asked, verify: true }, modules);
    const { replicationFactor: wanted, writeQuorum: quorum } = snapshot.topology.ring;
    let isAnnounced = false;
    for await (const group of ids) {
      const found = unhealed(await locator.locateMany(group));
      const needsHealing = found.some(({ replicas }) => replicas.some(({ treatment }) => treatment !== ''));
      if (needsHealing && !dryRun && !isAnnounced) {
        await announce();
        isAnnounced = true;
      }
      yield dryRun ? found : await heal(found, { wanted, quorum }, { cluster, survey });
    }
  }
}

/** The contract's code of what could not be determined. */
const unknownExitCode = 7;

async function* onlyShown(
  verified: AsyncIterable<readonly VerifiedLocation[]>,
  { showsGood }: VerifyChoice,
): AsyncGenerator<readonly VerifiedLocation[]> {
  const isGood = ({ verdict, replicas }: VerifiedLocation) =>
    verdict === 'ok' && replicas.every(({ treatment }) => treatment === '');
  for await (const locations of verified) yield showsGood ? locations : locations.filter((each) => !isGood(each));
}

function idsAndAll(): StratumError {
  return new StratumError('USAGE', 'give ids or --all, not both', undefined, { hint: 'leave one of them out' });
}
