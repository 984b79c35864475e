import { StratumError } from '../base/errors.ts';

/** Reads a version of the topology from `field`; INVALID_ARGUMENT with the hint where versions are found. */
export function parseVersion(text: string, field: string, hint: string): bigint {
  if (/^\d{1,20}$/.test(text)) return BigInt(text);
  const details = { field, reason: 'not a version', expected: 'digits' };
  throw new StratumError('INVALID_ARGUMENT', `${field}: "${text}" is not a version`, details, { hint });
}
