import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { parseOid } from '../../base/oid.ts';
import type { ClusterConnection, TopologySnapshot } from '../../cli/connection.ts';
import { IdsCommand } from '../../cli/ids-command.ts';
import { missingListing } from '../../cli/listings/missing-listing.ts';
import { type Location, Locator } from '../../cli/locate/locate.ts';
import { questionIdsMax } from '../../cli/locate/replica-survey.ts';
import { UnreachableReplicas } from '../../cli/locate/unreachable-replicas.ts';
import { tallied, VerdictTally } from '../../cli/locate/verdict.ts';

/** `stratum object missing` */
export default class ObjectMissing extends IdsCommand {
  static override id = 'object:missing';
  static override summary = 'List the blobs that have fewer copies than they should, and which nodes lack them';
  static override description =
    `Of the ids that are given, or of all blobs: then the listings of all object nodes are compared, and a blob that a node seems to lack is asked for once more before it is listed. A blob that no node lists is not seen. "object verify" hashes copies too, and heals.
Exit code, by the worst: 0 none lacks a copy, 5 fewer than N copies but enough to write, 6 fewer than W or none, 7 too few nodes answered to say; 10 when some ids are none.`;
  static override examples = [
    'stratum object missing',
    'stratum object missing -o jsonl > missing.jsonl',
    'stratum object missing --stdin < oids',
  ];
  static override args = {
    oid: Args.string({
      description: 'blob id, 64 hex digits; all blobs without one',
      multiple: true,
      ignoreStdin: true,
    }),
  };
  static override flags = {
    stdin: Flags.boolean({ description: 'Read ids from stdin, one a line.' }),
  };

  override async run(): Promise<number> {
    const { args, flags } = await this.parse(ObjectMissing);
    const isGiven = flags.stdin || (args.oid?.length ?? 0) > 0;
    const given = isGiven ? this.ids(args.oid, flags.stdin, (text) => parseOid(text), questionIdsMax) : undefined;
    const timeoutMs = (await this.settings(flags)).timeoutMs.value;
    const verdicts = new VerdictTally();
    const unreachable = new UnreachableReplicas();
    let scannedAll = true;
    await this.withCluster(flags, async (cluster) => {
      const snapshot = await cluster.snapshot();
      const options = { ask: 'hold' as const, timeoutMs, signal: this.io.interrupted };
      const locator = new Locator(options, { snapshot, cluster, clock: this.modules.clock });
      const judged =
        given === undefined ? this.#scanned(locator, cluster, snapshot, unreachable) : located(given, locator);
      const lacking = onlyLacking(tallied(unreachable.watch(judged), verdicts));
      await this.printStream(missingListing(lacking, snapshot.source, () => unreachable.list()));
      // With fewer than W of them away, every acknowledged blob is in another node's listing.
      scannedAll = isGiven || unreachable.list().length < snapshot.topology.ring.writeQuorum;
    });
    if (!scannedAll) verdicts.add('unknown');
    return this.failures.exitCode(verdicts.count) ?? verdicts.exitCode;
  }

  /** Those blobs that one of their own nodes does not list, asked for again: what was put meanwhile is there by now. */
  async *#scanned(
    locator: Locator,
    cluster: ClusterConnection,
    { topology }: TopologySnapshot,
    unreachable: UnreachableReplicas,
  ): AsyncGenerator<readonly Location[]> {
    const [{ BlobScan }, { withScanProgress }] = await Promise.all([
      import('../../cli/locate/blob-scan.ts'),
      import('../../cli/locate/scan-progress.ts'),
    ]);
    const scan = new BlobScan(topology, { cluster });
    const wanted = topology.ring.replicationFactor;
    for await (const { blobs } of withScanProgress(scan.stretches(this.io.interrupted), this.io)) {
      const listedBy = new Map(blobs.map(({ oid, holders, damagedAt }) => [oid, holders.union(damagedAt)]));
      const suspects = blobs.filter(({ oid, holders }) => {
        const own = locator.replicasOf(oid);
        return own.length < wanted || !own.every(({ nodeId }) => holders.has(nodeId));
      });
      if (suspects.length === 0) continue;
      const found = await locator.locateMany(suspects.map(({ oid }) => oid));
      yield found.filter((location) => !wasDeleted(location, listedBy.get(location.oid)));
    }
    for (const each of scan.unreachable) unreachable.add(each);
  }
}

async function* located(ids: AsyncIterable<readonly string[]>, locator: Locator): AsyncGenerator<readonly Location[]> {
  for await (const group of ids) yield await locator.locateMany(group);
}

async function* onlyLacking(judged: AsyncIterable<readonly Location[]>): AsyncGenerator<readonly Location[]> {
  for await (const locations of judged) yield locations.filter(({ verdict }) => verdict !== 'ok');
}

/** Whether all that had it say now that they do not: a blob that is gone lacks no copy. */
function wasDeleted({ replicas }: Location, listedBy: ReadonlySet<string> = new Set()): boolean {
  const own = new Set(replicas.map(({ nodeId }) => nodeId));
  return replicas.every(({ presence }) => presence === 'missing') && [...listedBy].every((nodeId) => own.has(nodeId));
}
