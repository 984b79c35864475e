import type { Partition, Topology } from '../../topology/topology.ts';
import type { PlannedChange } from '../listings/plan-listing.ts';
import { type MoveWish, nextStep } from './move-step.ts';

/** A move has four steps at most; more would be a circle. */
const stepsMax = 8;

/** What a move would do, if nothing else changed and all that is waited for came about. */
export function planMove(partition: Partition, topology: Topology, wish: MoveWish): PlannedChange {
  const steps: string[] = [];
  let after = partition;
  while (steps.length < stepsMax) {
    const step = nextStep(after, topology, wish);
    if (step.kind === 'done') break;
    steps.push(step.text);
    if (step.kind === 'change') after = step.partition;
    else if (after.inSync.includes(wish.targetId))
      break; // It is another replica that is waited for, and nobody knows which.
    else after = { ...after, inSync: [...after.inSync, wish.targetId] };
  }
  const detail = steps.length === 0 ? `${wish.targetId} is the primary already` : steps.join('; ');
  return {
    action: 'partition move',
    target: String(partition.id),
    changes: steps.length > 0,
    before: setsOf(partition),
    after: setsOf(after),
    detail,
  };
}

function setsOf({ primaryId, inSync, replicas }: Partition) {
  return { primaryId, inSync, replicas };
}
