import type { CoordinatorServiceServer } from '../../rpc/gen/stratum/v1/coordinator.ts';
import { serverStream, unary } from '../../rpc/handlers.ts';
import { unimplemented } from '../../rpc/unimplemented.ts';
import type { CoordinatorModules } from './coordinator-modules.ts';
import { deregisterNode } from './rpc/deregister-node.ts';
import { getConsensusStatus } from './rpc/get-consensus-status.ts';
import { getHashRing } from './rpc/get-hash-ring.ts';
import { getLeader } from './rpc/get-leader.ts';
import { getTopology } from './rpc/get-topology.ts';
import { heartbeat } from './rpc/heartbeat.ts';
import { listHeartbeats } from './rpc/list-heartbeats.ts';
import { registerNode } from './rpc/register-node.ts';
import { watchTopology } from './rpc/watch-topology.ts';

/** The coordinator service as the gRPC listener takes it. */
export function coordinatorService(modules: CoordinatorModules): CoordinatorServiceServer {
  return {
    getTopology: unary(getTopology(modules)),
    getHashRing: unary(getHashRing(modules)),
    getLeader: unary(getLeader(modules)),
    watchTopology: serverStream(watchTopology(modules)),
    registerNode: unary(registerNode(modules)),
    deregisterNode: unary(deregisterNode(modules)),
    heartbeat: unary(heartbeat(modules)),
    listHeartbeats: unary(listHeartbeats(modules)),
    getConsensusStatus: unary(getConsensusStatus(modules)),
    setNodeIntent: unary(unimplemented('SetNodeIntent')),
    setRingConfig: unary(unimplemented('SetRingConfig')),
    changePartition: unary(unimplemented('ChangePartition')),
    transferLeader: unary(unimplemented('TransferLeader')),
  };
}
