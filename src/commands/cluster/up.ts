import { resolve } from 'node:path';
import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../cli/base-command.ts';
import { clusterFlags } from '../../cli/local-cluster/cluster-flags.ts';
import { newClusterLocation } from '../../cli/local-cluster/cluster-location.ts';
import { parseDuration } from '../../cli/parse-duration.ts';

const port = (description: string) => Flags.integer({ description, helpValue: '<port>', min: 0, max: 65_535 });
const count = (description: string) => Flags.integer({ description, helpValue: '<count>', min: 1, max: 32 });

/** `stratum cluster up` */
export default class ClusterUp extends BaseCommand {
  static override id = 'cluster:up';
  static override summary = 'Start a whole cluster on this machine, or what is missing of it';
  static override description =
    'Starts one process for each node on loopback, waits until the cluster serves, and makes its context the current one. Ports are chosen once and kept. In the foreground it stays until Ctrl-C and then stops every node; --detach leaves it in the background until "stratum cluster down".';
  static override examples = [
    'stratum cluster up --detach',
    'stratum cluster up --name ci --data-dir /var/lib/stratum-ci --git-port 9000 --detach',
    'stratum cluster up --objects 5 --metadata 3 --frontends 2',
    'stratum cluster up --coordinators 3 --detach',
  ];
  static override flags = {
    ...clusterFlags,
    detach: Flags.boolean({ char: 'd', description: 'Leave the cluster running in the background.' }),
    coordinators: Flags.integer({
      description:
        'Coordinators: 1, 3 or 5 (default: 1); several share an etcd, and are fixed once the cluster exists.',
      helpValue: '<count>',
      min: 1,
      max: 5,
    }),
    objects: count('Object nodes (default: 3); fixed once the cluster exists.'),
    metadata: count('Metadata nodes (default: 3); fixed once the cluster exists.'),
    frontends: count('Frontends (default: 1).'),
    'git-port': port('Port of the first frontend for git (default: 8480 if it is free, else chosen; 0: chosen).'),
    'coordinator-port': port('Port of the first coordinator (default: chosen).'),
    'base-port': port('First port of the nodes’ gRPC listeners, one each (default: chosen).'),
    'etcd-binary': Flags.string({
      description: 'The etcd program of several coordinators (default: the packed one, else the one on PATH).',
      helpValue: '<file>',
    }),
    timeout: Flags.string({ description: 'How long it may take to serve.', helpValue: '<duration>', default: '60s' }),
    'dry-run': Flags.boolean({ description: 'Show processes and ports, and start nothing.' }),
    'report-descriptor': Flags.integer({ description: 'Where to report the start.', hidden: true }),
  };

  override async run(): Promise<number> {
    const { flags } = await this.parse(ClusterUp);
    const { env, interrupted } = this.io;
    const timeoutMs = parseDuration(flags.timeout, '--timeout');
    const wish = {
      ...(await newClusterLocation(flags, env, await this.contexts.read())),
      coordinators: flags.coordinators,
      objects: flags.objects,
      metadata: flags.metadata,
      frontends: flags.frontends,
      gitPort: flags['git-port'],
      coordinatorPort: flags['coordinator-port'],
      basePort: flags['base-port'],
      etcdBinary: programPath(flags['etcd-binary']),
    };
    const options = { wish, timeoutMs, detach: flags.detach, reportDescriptor: flags['report-descriptor'] };
    const { bringUp } = await import('../../cli/local-cluster/bring-up.ts');
    if (flags['dry-run']) {
      const { plannedStatus } = await import('../../cli/local-cluster/planned-status.ts');
      const { clusterReport } = await import('../../cli/local-cluster/cluster-listing.ts');
      await this.print(clusterReport(await plannedStatus(wish, this.modules.random), undefined, undefined).listing);
      return 0;
    }
    return bringUp(options, {
      ...this.modules,
      contexts: this.contexts,
      say: (text) => this.say(text),
      show: async (report) => {
        await this.print(report.listing);
        for (const reason of report.health.reasons) await this.say(`warning: ${reason}`);
      },
      // Only the waiting ends; what was started in the background goes on.
      signal: interrupted,
    });
  }
}

/** Nodes run in folders of their own, where a relative path would mean another place. */
function programPath(given: string | undefined): string | undefined {
  return given?.includes('/') ? resolve(given) : given;
}
