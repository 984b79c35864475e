import { StratumError } from '../base/errors.ts';

/** The answer to whoever names a node that is not registered. */
export function nodeNotFound(nodeId: string): StratumError {
  return new StratumError(
    'NODE_NOT_FOUND',
    `no node ${nodeId} is registered`,
    { kind: 'node', id: nodeId },
    { hint: '`stratum topology show` lists the nodes' },
  );
}
