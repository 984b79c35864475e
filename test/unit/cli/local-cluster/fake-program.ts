import { isListening } from '../../../../src/cli/local-cluster/ports.ts';
import type { SupervisorStatus } from '../../../../src/cli/local-cluster/supervisor-status.ts';
import type { SelfCommand } from '../../../../src/cli/self-command.ts';

/** A program whose nodes only listen on their ports. */
export const fakeProgram: SelfCommand = [process.execPath, new URL('./fake-stratum.mjs', import.meta.url).pathname];

/** Resolves when every node of the fake program listens. */
export async function waitForFakeNodes(status: SupervisorStatus, signal: AbortSignal): Promise<void> {
  for (const { address } of status.processes) {
    while (!(await isListening(Number(address.split(':').at(-1))))) signal.throwIfAborted();
  }
}
