import { explain } from '../../base/errors.ts';
import type { TopologySnapshot } from '../connection.ts';
import type { CommandModules } from '../modules.ts';
import type { Unreachable } from '../output/envelope.ts';
import type { SupervisorStatus } from './supervisor-status.ts';

/** A coordinator on loopback answers in milliseconds or not at all. */
const topologyTimeoutMs = 3_000;

/** The topology of a local cluster, or why there is none. */
export async function readTopology(
  { coordinators }: SupervisorStatus,
  modules: Pick<CommandModules, 'connect'> & { readonly signal: AbortSignal },
): Promise<{ snapshot?: TopologySnapshot; missing?: Unreachable }> {
  const { signal } = modules;
  const connection = await modules.connect({ coordinators, timeoutMs: topologyTimeoutMs, signal });
  try {
    return { snapshot: await connection.snapshot() };
  } catch (error) {
    signal.throwIfAborted();
    return { missing: { node: coordinators.join(','), reason: explain(error) } };
  } finally {
    await connection.close();
  }
}
