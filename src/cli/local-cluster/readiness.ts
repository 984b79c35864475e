import { type Client, makeClientConstructor, type ServiceDefinition } from '@grpc/grpc-js';
import { service as healthService } from 'grpc-health-check';
import type { Clock } from '../../base/clock.ts';
import { explain, StratumError } from '../../base/errors.ts';
import type { Random } from '../../base/random.ts';
import { CoordinatorClient } from '../../client/coordinator-client.ts';
import { TopologyView } from '../../client/topology-view.ts';
import { callServerStream, type ServerStreamMethod } from '../../rpc/call.ts';
import { ChannelPool } from '../../rpc/channel-pool.ts';
import type { Topology } from '../../topology/topology.ts';
import { silentLog } from '../silent-log.ts';
import type { ProcessStatus, SupervisorStatus } from './supervisor-status.ts';

/** Between two tries to reach a node that is starting. */
const retryMs = 100;

/** What the wait needs. */
export interface ReadinessModules {
  readonly clock: Clock;
  readonly random: Random;
}

/**
 * Resolves when the cluster serves: every process is registered anew and ACTIVE, the ring is
 * formed, every partition has a primary, every node's health service says SERVING, and the
 * frontends answer /healthz. Rejects with the signal's reason, which should say what is awaited.
 */
export async function waitUntilReady(
  status: SupervisorStatus,
  signal: AbortSignal,
  modules: ReadinessModules,
): Promise<void> {
  const channels = new ChannelPool();
  const feed = new CoordinatorClient({ endpoints: status.coordinators }, { ...modules, channels });
  const view = new TopologyView({}, { ...modules, feed, log: silentLog });
  try {
    await view.start();
    await view.waitFor((topology) => missingFrom(topology, status.processes) === undefined, signal);
    await Promise.all(status.processes.map((each) => waitUntilServing(each, channels, signal, modules.clock)));
  } catch (error) {
    if (!signal.aborted) throw error;
    throw withReason(signal.reason, view.current(), status);
  } finally {
    await view.stop();
    channels.close();
  }
}

/** What a topology lacks for the cluster to serve, in words; undefined when it lacks nothing. */
export function missingFrom(topology: Topology, processes: readonly ProcessStatus[]): string | undefined {
  for (const { id, startedAtMs } of processes) {
    const node = topology.nodes.get(id);
    if (node === undefined) return `${id} has not registered`;
    // A generation is at least the time of its process's start: a lower one is left from the last run.
    if (node.generationId < BigInt(startedAtMs)) return `${id} has not registered again`;
    if (node.state !== 'ACTIVE') return `${id} is ${node.state}`;
  }
  if (topology.ring.epoch === 0n) return 'the ring is not formed';
  const unassigned = topology.partitions.filter(({ primaryId }) => primaryId === '').length;
  if (topology.partitions.length === 0 || unassigned > 0) return 'partitions have no primary';
  return undefined;
}

function withReason(reason: unknown, topology: Topology | undefined, status: SupervisorStatus): unknown {
  if (!(reason instanceof StratumError) || reason.code !== 'WAIT_TIMEOUT') return reason;
  const missing =
    topology === undefined
      ? 'no coordinator answers'
      : (missingFrom(topology, status.processes) ?? 'nodes do not serve');
  return new StratumError('WAIT_TIMEOUT', `${reason.message}: ${missing}`, undefined, { hint: reason.hint });
}

interface HealthClient extends Client {
  readonly watch: ServerStreamMethod<{ service: string }, { status: string | number }>;
}

const HealthClient = makeClientConstructor(healthService as unknown as ServiceDefinition, 'Health') as unknown as new (
  ...args: ConstructorParameters<typeof Client>
) => HealthClient;

async function waitUntilServing(
  each: ProcessStatus,
  channels: ChannelPool,
  signal: AbortSignal,
  clock: Clock,
): Promise<void> {
  for (;;) {
    try {
      if (await isServing(each, channels, signal, clock)) break;
    } catch (error) {
      signal.throwIfAborted();
      // The listener of a node that is starting is not there yet.
      if (!(error instanceof StratumError)) throw error;
    }
    await clock.sleep(retryMs, signal);
  }
  while (each.httpUrl !== '' && !(await answersHealthz(each.httpUrl, signal))) await clock.sleep(retryMs, signal);
}

/** Watches the node's health until it serves; false when the stream ends before. */
async function isServing(
  each: ProcessStatus,
  channels: ChannelPool,
  signal: AbortSignal,
  clock: Clock,
): Promise<boolean> {
  const client = channels.client(HealthClient, each.address);
  const target = { endpoint: each.address, method: 'Health.Watch', timeoutMs: Number.POSITIVE_INFINITY, clock, signal };
  for await (const { status } of callServerStream(client.watch.bind(client), { service: '' }, target)) {
    if (status === 'SERVING' || status === 1) return true;
  }
  return false;
}

async function answersHealthz(httpUrl: string, signal: AbortSignal): Promise<boolean> {
  try {
    const response = await fetch(`${httpUrl}/healthz`, { signal });
    await response.body?.cancel();
    return response.ok;
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof TypeError) return false; // fetch's form of "connection refused".
    throw new StratumError('INTERNAL', `${httpUrl}/healthz: ${explain(error)}`, undefined, { cause: error });
  }
}
