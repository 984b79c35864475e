import { hasCode, StratumError } from '../../../base/errors.ts';
import type { HeartbeatRequest, HeartbeatResponse } from '../../../rpc/gen/stratum/v1/coordinator.ts';
import type { UnaryHandler } from '../../../rpc/handlers.ts';
import { decodeReportedState } from '../../../rpc/topology-codec.ts';
import { heartbeatTransition } from '../../../topology/heartbeat-transition.ts';
import { invalidArgument } from '../../../topology/invalid-argument.ts';
import { waitsForRing } from '../../../topology/node-duties.ts';
import { nodeNotFound } from '../../../topology/node-not-found.ts';
import { zombie } from '../../../topology/register-node.ts';
import type { Node, ReportedState, SilentPrimary, Topology } from '../../../topology/topology.ts';
import { validateGeneration, validateNodeId } from '../../../topology/validate-registration.ts';
import { assertLeading } from '../assert-leading.ts';
import type { CoordinatorModules } from '../coordinator-modules.ts';

/** As many partitions as a cluster can have: a node reports each at most once. */
const silentPrimariesMax = 4_096;

/** CoordinatorService.Heartbeat. The timeouts in the answer are this node's own, damping included. */
export function heartbeat(modules: CoordinatorModules): UnaryHandler<HeartbeatRequest, HeartbeatResponse> {
  const { consensus, heartbeats } = modules;
  return async ({ nodeId, generationId, knownVersion, reportedState, stats, silentPrimaries }) => {
    assertLeading(consensus);
    validateNodeId(nodeId, 'node_id');
    validateGeneration(generationId, 'generation_id');
    const said = decodeReportedState(reportedState);
    validateSilentPrimaries(silentPrimaries);
    const node = registeredProcess(consensus.current(), nodeId, generationId);
    const before = heartbeats.entries.get(nodeId)?.reportedState;
    const heard = heartbeats.heard({ nodeId, generationId, reportedState: said, knownVersion, stats, silentPrimaries });
    await follow(modules, node, heard.reportedState, heard.reportedState !== before);
    const { version, settings } = consensus.current();
    const { leaderId = '', term } = consensus.leadership();
    const { suspectTimeoutMs, downTimeoutMs } = heartbeats.timeouts(nodeId, settings);
    return {
      version,
      refreshRequired: knownVersion < version,
      term,
      leaderId,
      heartbeatIntervalMs: BigInt(settings.heartbeatIntervalMs),
      suspectTimeoutMs: BigInt(suspectTimeoutMs),
      downTimeoutMs: BigInt(downTimeoutMs),
    };
  };
}

function validateSilentPrimaries({ length }: readonly SilentPrimary[]): void {
  if (length <= silentPrimariesMax) return;
  throw invalidArgument('silent_primaries', `${length} entries`, `at most ${silentPrimariesMax}`);
}

/**
 * The node, when the heartbeat is its registered process's. A process that nobody knows, or that is
 * not the registered one of a node that is DOWN, is asked to register (NODE_NOT_FOUND): a heartbeat
 * carries neither address nor disk, so it cannot take a node's place by itself. Otherwise another
 * generation is a zombie.
 */
function registeredProcess(topology: Topology, nodeId: string, generationId: bigint): Node {
  const node = topology.nodes.get(nodeId);
  if (node === undefined) throw nodeNotFound(nodeId);
  if (node.generationId === generationId) return node;
  if (node.state !== 'DOWN') throw zombie(node, generationId);
  const message = `${nodeId} is DOWN, and generation ${generationId} of it is not registered`;
  throw new StratumError('NODE_NOT_FOUND', message, { kind: 'node', id: nodeId }, { hint: 'register the node again' });
}

async function follow(
  { consensus, clock, log }: CoordinatorModules,
  node: Node,
  reported: ReportedState,
  isNews: boolean,
): Promise<void> {
  const topology = consensus.current();
  const transition = heartbeatTransition(topology, node, reported);
  if (transition === undefined) {
    if (isNews && reported === 'READY' && waitsForRing(topology, node)) {
      log.warn({ node: node.id }, 'the node is ready, and stays JOINING until a ring change gives it a place');
    }
    return;
  }
  const { id: nodeId, generationId } = node;
  const command = { kind: 'set-node-state', atMs: clock.nowMs(), nodeId, generationId, ...transition } as const;
  try {
    const { update } = await consensus.propose(command);
    if (update !== undefined) log.info({ node: nodeId, version: update.version }, update.reason);
  } catch (error) {
    // Another change came first (a drain, say). The node was heard all the same; its next heartbeat is judged afresh.
    if (!hasCode(error, 'VERSION_CONFLICT')) throw error;
    log.info({ node: nodeId, code: error.code, error: error.message }, 'a heartbeat came too late to change a state');
  }
}
