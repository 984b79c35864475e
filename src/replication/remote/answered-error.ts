import { hasCode, type StratumError } from '../../base/errors.ts';
import type { Oid } from '../../base/oid.ts';
import { blobHeaders, fromHttpError } from '../../rpc/blob-http.ts';
import type { CallPlace } from './call-life.ts';
import { garbled } from './connection-error.ts';

/**
 * The error that a node answered with. DATA_CORRUPT when it speaks of another blob than was asked for, which says
 * nothing of this one, and when the node tells that the request came to it with other bits than it was sent with.
 */
export function answeredError(body: Buffer, oid: Oid, place: CallPlace): StratumError {
  const error = fromHttpError(body);
  const subject = subjectOf(error);
  if (subject !== undefined && subject !== oid) return garbled(place, `an error of blob ${subject}`);
  const isOfChecksum = hasCode(error, 'INVALID_ARGUMENT') && error.details.field === blobHeaders.checksum;
  return isOfChecksum ? garbled(place, 'a refusal: the request was damaged on its way') : error;
}

function subjectOf(error: StratumError): string | undefined {
  if (hasCode(error, 'BLOB_NOT_FOUND')) return error.details.id;
  return hasCode(error, 'CHECKSUM_MISMATCH') ? error.details.oid : undefined;
}
