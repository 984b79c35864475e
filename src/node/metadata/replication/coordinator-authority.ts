import type { CoordinatorClient } from '../../../client/coordinator-client.ts';
import type { PartitionAuthority, ProposedChange, SilentPartition } from './partition-authority.ts';

/** What the authority works with. */
export interface CoordinatorAuthorityModules {
  /** Made at its first use: the address of a process's own coordinator is known only once it listens. */
  readonly client: () => Pick<CoordinatorClient, 'changePartition'>;
  /** The list has changed: the next heartbeat, which carries it, should go out now. */
  readonly onSilent: () => void;
}

/** The coordinators, as the replicas of this node ask them. */
export class CoordinatorAuthority implements PartitionAuthority {
  readonly #nodeId: string;
  readonly #modules: CoordinatorAuthorityModules;
  #silent: readonly SilentPartition[] = [];

  constructor(options: { readonly nodeId: string }, modules: CoordinatorAuthorityModules) {
    this.#nodeId = options.nodeId;
    this.#modules = modules;
  }

  /** The primaries that are not heard, for the next heartbeat. */
  get silent(): readonly SilentPartition[] {
    return this.#silent;
  }

  async changePartition({ reason, ...change }: ProposedChange, signal: AbortSignal): Promise<void> {
    await this.#modules.client().changePartition(change, { actor: this.#nodeId, reason }, { signal });
  }

  reportSilent(partitions: readonly SilentPartition[]): void {
    this.#silent = partitions;
    this.#modules.onSilent();
  }
}
