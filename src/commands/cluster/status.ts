import { StratumError } from '../../base/errors.ts';
import { BaseCommand } from '../../cli/base-command.ts';
import { clusterFlags } from '../../cli/local-cluster/cluster-flags.ts';
import { knownClusterLocation } from '../../cli/local-cluster/cluster-location.ts';

/** `stratum cluster status` */
export default class ClusterStatus extends BaseCommand {
  static override id = 'cluster:status';
  static override summary = 'Show the processes of a cluster on this machine, and how well it can serve';
  static override description =
    'Exit code: 0 healthy, 5 degraded, 6 blobs, repositories or git cannot be served, 7 it does not run or nobody can tell.';
  static override examples = [
    'stratum cluster status',
    'stratum cluster status -o json',
    'stratum cluster status --name ci',
  ];
  static override flags = { ...clusterFlags };

  override async run(): Promise<number> {
    const { flags } = await this.parse(ClusterStatus);
    const { name, folder } = await knownClusterLocation(flags, this.io.env, await this.contexts.read());
    const [{ ControlClient }, { clusterReport }, { healthExitCodes }, { readTopology }] = await Promise.all([
      import('../../cli/local-cluster/control-client.ts'),
      import('../../cli/local-cluster/cluster-listing.ts'),
      import('../../cli/local-cluster/cluster-health.ts'),
      import('../../cli/local-cluster/read-topology.ts'),
    ]);
    const running = await ControlClient.find(folder, this.modules.clock);
    if (running === undefined) return this.#showStopped(name, folder);
    const status = await running.status();
    const { snapshot, missing } = await readTopology(status, { ...this.modules, signal: this.io.interrupted });
    const { listing, health } = clusterReport(status, snapshot, missing);
    await this.print(listing);
    if (this.isForPeople) {
      for (const reason of health.reasons) await this.say(`warning: ${reason}`);
      await this.say(`${status.name} is ${health.verdict}`);
    }
    return healthExitCodes[health.verdict];
  }

  /** A cluster that does not run is shown as its file describes it. */
  async #showStopped(name: string, folder: string): Promise<number> {
    const { readClusterFile } = await import('../../cli/local-cluster/cluster-file.ts');
    const { statusOfFile } = await import('../../cli/local-cluster/planned-status.ts');
    const { clusterReport } = await import('../../cli/local-cluster/cluster-listing.ts');
    const { healthExitCodes } = await import('../../cli/local-cluster/cluster-health.ts');
    const file = await readClusterFile(folder);
    if (file === undefined) {
      const message = `there is no cluster "${name}" in ${folder}`;
      throw new StratumError(
        'NOT_READY',
        message,
        { what: 'cluster' },
        { hint: 'stratum cluster up --detach starts one' },
      );
    }
    await this.print(clusterReport(statusOfFile(file, folder), undefined, undefined).listing);
    await this.say(`${file.name} does not run; stratum cluster up starts it`);
    return healthExitCodes.unknown;
  }
}
