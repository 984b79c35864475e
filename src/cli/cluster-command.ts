import * as Flags from '@oclif/core/flags';
import { BaseCommand, outputFlags } from './base-command.ts';
import type { ClusterConnection } from './connection.ts';
import type { Source } from './output/envelope.ts';
import { type ClientSettings, resolveSettings } from './settings.ts';

/** Flags of every command that talks to a cluster. Text, because settings.ts checks it with its origin. */
export const connectionFlags = {
  context: Flags.string({
    description: 'The cluster, by the name of its context (STRATUM_CONTEXT).',
    helpValue: '<context>',
    helpGroup: 'CONNECTION',
  }),
  coordinator: Flags.string({
    description: 'host:port of a coordinator; may be repeated (STRATUM_COORDINATORS).',
    helpValue: '<host:port>',
    helpGroup: 'CONNECTION',
    multiple: true,
    multipleNonGreedy: true,
  }),
  timeout: Flags.string({
    description: 'How long to wait for an answer (STRATUM_TIMEOUT; default: 10s).',
    helpValue: '<duration>',
    helpGroup: 'CONNECTION',
  }),
};

/** What those flags gave. */
export interface ConnectionChoice {
  readonly context?: string | undefined;
  readonly coordinator?: readonly string[] | undefined;
  readonly timeout?: string | undefined;
}

/** A command that talks to a cluster. */
export abstract class ClusterCommand extends BaseCommand {
  static override baseFlags = { ...outputFlags, ...connectionFlags };

  /** The settings that the flags, the environment, the context and the config file give. */
  protected async settings(flags: ConnectionChoice): Promise<ClientSettings> {
    return resolveSettings(flags, this.io.env, await this.contexts.read());
  }

  /** Runs `work` with a connection and closes it afterwards, whatever happens. */
  protected async withCluster<T>(
    flags: ConnectionChoice,
    work: (cluster: ClusterConnection) => Promise<T>,
  ): Promise<T> {
    const settings = await this.settings(flags);
    const cluster = await this.modules.connect({
      coordinators: settings.coordinators.value,
      timeoutMs: settings.timeoutMs.value,
      signal: this.io.interrupted,
    });
    try {
      return await work(cluster);
    } finally {
      await cluster.close();
    }
  }

  /** Says on stderr what is about to be changed: context, cluster and version. */
  protected async announceChange(flags: ConnectionChoice, cluster: ClusterConnection): Promise<Source> {
    const { context, coordinators } = await this.settings(flags);
    const { topology, source } = await cluster.snapshot();
    // A context that a flag or a variable overrules is not where the change goes.
    const isFromContext = coordinators.origin === 'context' && context.value !== undefined;
    const name = isFromContext ? `context ${context.value?.name}` : cluster.coordinators.join(', ');
    await this.say(`${name}, cluster ${topology.clusterId}, version ${topology.version}`);
    return source;
  }
}
