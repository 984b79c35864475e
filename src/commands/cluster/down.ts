import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../cli/base-command.ts';
import { clusterFlags } from '../../cli/local-cluster/cluster-flags.ts';
import { knownClusterLocation } from '../../cli/local-cluster/cluster-location.ts';
import { parseDuration } from '../../cli/parse-duration.ts';
import { startProgress } from '../../cli/progress.ts';

/** `stratum cluster down` */
export default class ClusterDown extends BaseCommand {
  static override id = 'cluster:down';
  static override summary = 'Stop a cluster on this machine; its data stays';
  static override examples = ['stratum cluster down', 'stratum cluster down --name ci --timeout 2m'];
  static override flags = {
    ...clusterFlags,
    timeout: Flags.string({ description: 'How long to wait for its end.', helpValue: '<duration>', default: '2m' }),
    'dry-run': Flags.boolean({ description: 'Say what would be stopped, and stop nothing.' }),
  };

  override async run(): Promise<number> {
    const { flags } = await this.parse(ClusterDown);
    const { name, folder } = await knownClusterLocation(flags, this.io.env, await this.contexts.read());
    const timeoutMs = parseDuration(flags.timeout, '--timeout');
    const { takeDown } = await import('../../cli/local-cluster/take-down.ts');
    const progress = await startProgress(`stopping the cluster "${name}"`, this.io);
    try {
      const options = { folder, timeoutMs, dryRun: flags['dry-run'] };
      const modules = { clock: this.modules.clock, signal: this.io.interrupted, onProgress: progress.update };
      progress.end(await takeDown(options, modules));
    } catch (error) {
      progress.end();
      throw error;
    }
    return 0;
  }
}
