import { StratumError, systemCode } from '../../base/errors.ts';
import type { CallPlace } from './call-life.ts';

/** The error of an answer that is not one of the protocol. */
export function garbled({ method, endpoint }: CallPlace, what: string): StratumError<'DATA_CORRUPT'> {
  return new StratumError('DATA_CORRUPT', `${method} at ${endpoint} was answered with ${what}`);
}

/** The error of a connection that could not be made, or broke; what already is an error of ours stays. */
export function connectionError(error: unknown, place: CallPlace): StratumError {
  if (error instanceof StratumError) return error;
  // The parser's own codes: what came is no HTTP.
  if (systemCode(error)?.startsWith('HPE_') === true) return garbled(place, 'something that is no HTTP');
  const { method, endpoint } = place;
  const reason = error instanceof Error ? error.message : String(error);
  return new StratumError('UNREACHABLE', `${method} at ${endpoint}: ${reason}`, { endpoint, method }, { cause: error });
}
