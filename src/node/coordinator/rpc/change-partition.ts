import { StratumError } from '../../../base/errors.ts';
import type { ChangePartitionRequest, ChangePartitionResponse } from '../../../rpc/gen/stratum/v1/coordinator.ts';
import type { Partition as PartitionMessage } from '../../../rpc/gen/stratum/v1/types.ts';
import type { UnaryHandler } from '../../../rpc/handlers.ts';
import { invalidArgument } from '../../../topology/invalid-argument.ts';
import type { Partition } from '../../../topology/topology.ts';
import { validateGeneration, validateNodeId } from '../../../topology/validate-registration.ts';
import { assertLeading } from '../assert-leading.ts';
import type { CoordinatorModules } from '../coordinator-modules.ts';
import { requesterOf } from '../requester-of.ts';

/** Far above any sensible number of replicas of one partition; it keeps a wild request cheap to refuse. */
const membersMax = 100;

/** CoordinatorService.ChangePartition. */
export function changePartition({
  consensus,
  clock,
  log,
}: CoordinatorModules): UnaryHandler<ChangePartitionRequest, ChangePartitionResponse> {
  return async ({ partition: message, generations, acceptDataLoss, raiseEpoch, audit }) => {
    const partition = checked(message);
    const byNode = Object.entries(generations);
    validateNodes(Object.keys(generations), 'generations');
    for (const [nodeId, generation] of byNode) validateGeneration(generation, `generations.${nodeId}`);
    const by = requesterOf(audit);
    assertLeading(consensus);
    const command = {
      kind: 'change-partition',
      atMs: clock.nowMs(),
      partition,
      generations: new Map(byNode),
      acceptDataLoss,
      raiseEpoch,
      by,
    } as const;
    const { topology, update } = await consensus.propose(command);
    if (update !== undefined) log.info({ partition: partition.id, version: update.version, by }, update.reason);
    return { partition: messageOf(topology.partitions, partition.id), version: topology.version };
  };
}

function checked(message: PartitionMessage | undefined): Partition {
  if (message === undefined) {
    const details = { field: 'partition', reason: 'missing', expected: 'the partition as it should be' };
    throw new StratumError('INVALID_ARGUMENT', 'partition is missing', details);
  }
  const { id, epoch, primaryId, inSync, replicas } = message;
  validateNodeId(primaryId, 'partition.primary_id');
  validateNodes(inSync, 'partition.in_sync');
  validateNodes(replicas, 'partition.replicas');
  return { id, epoch, primaryId, inSync, replicas };
}

function validateNodes(nodeIds: readonly string[], field: string): void {
  if (nodeIds.length > membersMax) throw invalidArgument(field, `${nodeIds.length} nodes`, `at most ${membersMax}`);
  for (const nodeId of nodeIds) validateNodeId(nodeId, field);
}

function messageOf(partitions: readonly Partition[], id: number): PartitionMessage | undefined {
  const found = partitions.find((partition) => partition.id === id);
  return found === undefined ? undefined : { ...found, inSync: [...found.inSync], replicas: [...found.replicas] };
}
