import { StratumError } from '../base/errors.ts';
import type { Oid } from '../base/oid.ts';

/** The error of a blob that is not in this store. */
export function blobNotFound(oid: Oid): StratumError<'BLOB_NOT_FOUND'> {
  return new StratumError('BLOB_NOT_FOUND', `there is no blob ${oid} here`, { kind: 'blob', id: oid });
}

/** The error of a put that relied on a copy which was lost before its end. */
export function copyLostMeanwhile(oid: Oid): StratumError<'VERSION_CONFLICT'> {
  const details = { what: `blob ${oid}`, expected: 'held', current: 'in quarantine' };
  const hint = 'put it once more: the copy is then written anew';
  return new StratumError('VERSION_CONFLICT', `the copy of blob ${oid} was lost while it was put again`, details, {
    hint,
  });
}
