import { StratumError } from '../base/errors.ts';
import { nearest } from './nearest.ts';

/** NODE_NOT_FOUND for an id that nobody has, with the one that was probably meant. `kind` is "node" or "coordinator". */
export function unknownNode(id: string, known: Iterable<string>, kind: string): StratumError {
  const ids = [...known];
  const meant = nearest(id, ids);
  const hint = meant === undefined ? `stratum node list shows all ${ids.length}` : `did you mean "${meant}"?`;
  return new StratumError('NODE_NOT_FOUND', `there is no ${kind} "${id}"`, { kind, id }, { hint });
}
