import { type Clock, systemClock } from '../base/clock.ts';
import { type Random, systemRandom } from '../base/random.ts';
import type { ClusterConnection, ConnectOptions } from './connection.ts';
import type { CommandIo } from './io.ts';
import type { SupervisorStatus } from './local-cluster/supervisor-status.ts';
import { type SelfCommand, selfCommand } from './self-command.ts';

/** What commands are given instead of reaching for it; tests give their own. */
export interface CommandModules {
  readonly io: CommandIo;
  readonly clock: Clock;
  readonly random: Random;
  readonly connect: (options: ConnectOptions) => Promise<ClusterConnection>;
  /** How to start this program again. */
  readonly selfCommand: () => SelfCommand;
  /** Resolves when a local cluster serves; rejects with the signal's reason. */
  readonly waitUntilReady: (status: SupervisorStatus, signal: AbortSignal) => Promise<void>;
}

/** The modules of a real process. */
export function processModules(io: CommandIo): CommandModules {
  return {
    io,
    clock: systemClock,
    random: systemRandom,
    connect: async (options) => {
      // gRPC is loaded only by commands that talk to a cluster.
      const { GrpcConnection } = await import('./grpc-connection.ts');
      return new GrpcConnection(options, { clock: systemClock, random: systemRandom });
    },
    selfCommand,
    waitUntilReady: async (status, signal) => {
      const { waitUntilReady } = await import('./local-cluster/readiness.ts');
      return waitUntilReady(status, signal, { clock: systemClock, random: systemRandom });
    },
  };
}
