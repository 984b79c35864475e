import { StratumError } from '../base/errors.ts';
import type { Oid } from '../base/oid.ts';

/** The part of a blob that a read asks for, cut at the end; INVALID_ARGUMENT for what is no range of it. */
export function readRange(
  oid: Oid,
  size: number,
  offset: number,
  length: number | undefined,
): { readonly offset: number; readonly length: number } {
  if (!Number.isSafeInteger(offset) || offset < 0 || offset > size) {
    throw wrongRange(oid, 'offset', offset, `0 to ${size}`);
  }
  if (length === undefined) return { offset, length: size - offset };
  if (!Number.isSafeInteger(length) || length < 0) throw wrongRange(oid, 'length', length, 'a number of bytes');
  return { offset, length: Math.min(length, size - offset) };
}

function wrongRange(oid: Oid, field: string, value: number, expected: string): StratumError<'INVALID_ARGUMENT'> {
  const details = { field, reason: `${value} is not in the blob`, expected };
  return new StratumError('INVALID_ARGUMENT', `${field} ${value} of blob ${oid}: expected ${expected}`, details);
}
