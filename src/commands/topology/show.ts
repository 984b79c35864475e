import { ClusterCommand } from '../../cli/cluster-command.ts';
import { topologyListing, topologySummary } from '../../cli/listings/topology-listing.ts';

/** `stratum topology show` */
export default class TopologyShow extends ClusterCommand {
  static override id = 'topology:show';
  static override summary = 'Show the nodes of the cluster, and the ring and partitions with -o json';
  static override examples = [
    'stratum topology show',
    'stratum topology show -o wide',
    'stratum topology show --field ring.epoch',
  ];

  override async run(): Promise<undefined> {
    const { flags } = await this.parse(TopologyShow);
    const snapshot = await this.withCluster(flags, (cluster) => cluster.snapshot());
    await this.print(topologyListing(snapshot));
    if (this.io.stdoutIsTerminal && this.isForPeople) await this.say(topologySummary(snapshot.topology));
    return undefined;
  }
}
