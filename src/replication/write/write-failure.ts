import { inspect } from 'node:util';
import { asStratumError, explain, type NodeFailure, StratumError } from '../../base/errors.ts';
import type { Oid } from '../../base/oid.ts';

/** Where and in which attempt a node was written to. */
export interface WriteTarget {
  readonly nodeId: string;
  readonly endpoint: string;
  /** 1 for the first; a write that is repeated from a newer topology counts on. */
  readonly attempt: number;
}

/** What went wrong at one node, whatever its writer threw or rejected with. */
export function failureAt({ nodeId, endpoint, attempt }: WriteTarget, thrown: unknown): NodeFailure {
  return { nodeId, endpoint, attempt, error: thrown instanceof Error ? asStratumError(thrown) : notAnError(thrown) };
}

/** Why a write is ended whose quorum is out of reach. */
export function givenUp(required: number): StratumError<'CANCELLED'> {
  return new StratumError('CANCELLED', `given up: ${required} copies can no longer be reached`);
}

/** Too few durable copies, with what happened at each node. */
export function insufficientReplicas(
  oid: Oid,
  required: number,
  achieved: number,
  nodes: readonly NodeFailure[],
): StratumError<'INSUFFICIENT_REPLICAS'> {
  const reasons = nodes.map(({ nodeId, error }) => `${nodeId}: ${explain(error)}`).join('; ');
  const message = `blob ${oid} has ${achieved} of ${required} required copies: ${reasons}`;
  return new StratumError(
    'INSUFFICIENT_REPLICAS',
    message,
    { required, achieved, nodes },
    { hint: 'stratum topology show tells which object nodes are there; the write can be repeated' },
  );
}

/** Not every value can be made a text by String: an object without a prototype throws. */
function notAnError(thrown: unknown): StratumError<'INTERNAL'> {
  return new StratumError('INTERNAL', `rejected with what is no error: ${inspect(thrown)}`, undefined, {
    cause: thrown,
  });
}
