import * as Flags from '@oclif/core/flags';
import { ClusterCommand } from '../../cli/cluster-command.ts';
import { rangeListing, ringListing } from '../../cli/listings/ring-listing.ts';

/** `stratum ring show` */
export default class RingShow extends ClusterCommand {
  static override id = 'ring:show';
  static override summary = 'Show the members of the ring and what share of the blobs each has';
  static override description =
    'With -o json the key "ring" has its epoch, the number of copies, the write quorum and how many virtual nodes there are.';
  static override examples = [
    'stratum ring show',
    'stratum ring show --field ring.epoch',
    'stratum ring show --ranges -o jsonl',
  ];
  static override flags = {
    ranges: Flags.boolean({ description: 'List every range of positions and its nodes instead.' }),
  };

  override async run(): Promise<undefined> {
    const { flags } = await this.parse(RingShow);
    const snapshot = await this.withCluster(flags, (cluster) => cluster.snapshot());
    if (flags.ranges) await this.printStream(rangeListing(snapshot));
    else await this.print(ringListing(snapshot));
    const { epoch, replicationFactor, writeQuorum } = snapshot.topology.ring;
    if (this.isForPeople && epoch > 0n) {
      await this.say(`ring ${epoch}: ${replicationFactor} copies, ${writeQuorum} acknowledge a write`);
    }
    return undefined;
  }
}
