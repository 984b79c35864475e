import type { CoordinatorServiceServer } from '../../rpc/gen/stratum/v1/coordinator.ts';
import { serverStream, type UnaryHandler, unary } from '../../rpc/handlers.ts';
import type { Metrics } from '../../telemetry/metrics.ts';
import type { CoordinatorModules } from './coordinator-modules.ts';
import { limitedHeartbeat, limitedWatch, limitedWrite } from './limited-calls.ts';
import { meteredHeartbeat, meteredUnary, meteredWatch } from './metered-calls.ts';
import type { RateLimits } from './rate-limits.ts';
import { addConsensusMember } from './rpc/add-consensus-member.ts';
import { changePartition } from './rpc/change-partition.ts';
import { deregisterNode } from './rpc/deregister-node.ts';
import { getConsensusStatus } from './rpc/get-consensus-status.ts';
import { getHashRing } from './rpc/get-hash-ring.ts';
import { getLeader } from './rpc/get-leader.ts';
import { getTopology } from './rpc/get-topology.ts';
import { getTopologyHistory } from './rpc/get-topology-history.ts';
import { heartbeat } from './rpc/heartbeat.ts';
import { listHeartbeats } from './rpc/list-heartbeats.ts';
import { planPartitions } from './rpc/plan-partitions.ts';
import { registerNode } from './rpc/register-node.ts';
import { removeConsensusMember } from './rpc/remove-consensus-member.ts';
import { setNodeIntent } from './rpc/set-node-intent.ts';
import { setRingConfig } from './rpc/set-ring-config.ts';
import { transferLeader } from './rpc/transfer-leader.ts';
import { watchTopology } from './rpc/watch-topology.ts';

/** What the service needs beside what its RPCs work with. */
export interface CoordinatorServiceModules extends CoordinatorModules {
  readonly limits: RateLimits;
  readonly metrics: Metrics;
}

/** The coordinator service as the gRPC listener takes it (with coordinatorDefinition): each call within its limits, and counted. */
export function coordinatorService(modules: CoordinatorServiceModules): CoordinatorServiceServer {
  const { limits, metrics } = modules;
  const counted = <Request, Response>(method: string, handler: UnaryHandler<Request, Response>) =>
    unary(meteredUnary(metrics, method, handler));
  const write = <Request, Response>(method: string, handler: UnaryHandler<Request, Response>) =>
    unary(meteredUnary(metrics, method, limitedWrite(limits, handler)));
  return {
    getTopology: counted('GetTopology', getTopology(modules)),
    getHashRing: counted('GetHashRing', getHashRing(modules)),
    getLeader: counted('GetLeader', getLeader(modules)),
    watchTopology: serverStream(meteredWatch(metrics, 'WatchTopology', limitedWatch(limits, watchTopology(modules)))),
    getTopologyHistory: counted('GetTopologyHistory', getTopologyHistory(modules)),
    registerNode: write('RegisterNode', registerNode(modules)),
    deregisterNode: write('DeregisterNode', deregisterNode(modules)),
    heartbeat: counted('Heartbeat', meteredHeartbeat(metrics, limitedHeartbeat(limits, heartbeat(modules)))),
    listHeartbeats: counted('ListHeartbeats', listHeartbeats(modules)),
    getConsensusStatus: counted('GetConsensusStatus', getConsensusStatus(modules)),
    setNodeIntent: write('SetNodeIntent', setNodeIntent(modules)),
    setRingConfig: write('SetRingConfig', setRingConfig(modules)),
    changePartition: write('ChangePartition', changePartition(modules)),
    planPartitions: counted('PlanPartitions', planPartitions(modules)),
    transferLeader: write('TransferLeader', transferLeader(modules)),
    addConsensusMember: write('AddConsensusMember', addConsensusMember(modules)),
    removeConsensusMember: write('RemoveConsensusMember', removeConsensusMember(modules)),
  };
}
