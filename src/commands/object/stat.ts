import * as Args from '@oclif/core/args';
import { StratumError } from '../../base/errors.ts';
import { parseOid } from '../../base/oid.ts';
import { ClusterCommand } from '../../cli/cluster-command.ts';
import { locationListing } from '../../cli/listings/location-listing.ts';
import { askReplicas, replicasOf } from '../../cli/locate/replica.ts';
import { exitCodeOfVerdicts, verdictOf } from '../../cli/locate/verdict.ts';

/** `stratum object stat` */
export default class ObjectStat extends ClusterCommand {
  static override id = 'object:stat';
  static override summary = 'Show what each replica says of a blob, without reading it';
  static override description =
    'Exit code: 0 all copies are there, 3 none, 5 fewer than N but enough to write, 6 fewer than W, 7 too few nodes answered to say. "ring locate --verify" also hashes the copies.';
  static override examples = [
    'stratum object stat 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
    'stratum object stat $oid --field size',
  ];
  static override args = {
    oid: Args.string({ description: 'blob id, 64 hex digits', required: true, ignoreStdin: true }),
  };

  override async run(): Promise<number> {
    const { args, flags } = await this.parse(ObjectStat);
    const oid = parseOid(args.oid);
    const timeoutMs = (await this.settings(flags)).timeoutMs.value;
    const { location, source } = await this.withCluster(flags, async (cluster) => {
      const snapshot = await cluster.snapshot();
      const { ring } = snapshot.topology;
      const question = { oid, verify: false, timeoutMs, signal: this.io.interrupted };
      const replicas = await askReplicas(replicasOf(snapshot.topology, oid), question, cluster);
      const verdict = verdictOf(replicas, { wanted: ring.replicationFactor, quorum: ring.writeQuorum });
      const size = Math.max(0, ...replicas.map((replica) => replica.size));
      const whole = { id: oid, oid, repo: '', pack: '', size, ringEpoch: ring.epoch, replicas, verdict };
      return { location: whole, source: snapshot.source };
    });
    if (location.verdict === 'lost') {
      const details = { kind: 'blob', id: oid };
      throw new StratumError('BLOB_NOT_FOUND', `no node of its placement holds the blob ${oid}`, details);
    }
    await this.print(locationListing('Blob', [location], source));
    return exitCodeOfVerdicts([location.verdict]);
  }
}
